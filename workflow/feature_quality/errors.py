"""The exception whose message is meant for the user."""


class InputError(Exception):
    """Input that cannot be used; the message says what, where and what is allowed."""
