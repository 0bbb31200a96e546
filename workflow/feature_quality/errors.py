"""The one exception that a user can meet."""


class InputError(Exception):
    """Input that cannot be used; the message says what, where and what is allowed."""
