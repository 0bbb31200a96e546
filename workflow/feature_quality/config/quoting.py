"""Texts that Snakemake cannot hand to a job as they are."""

from collections.abc import Iterable

from feature_quality.errors import InputError


def refuse_misquoted(texts: Iterable[str]) -> None:
    """Refuse paths and options that would reach the shell of a job otherwise quoted.

    A job is a command in a shell, and Snakemake quotes for it as Python does: around a single quote
    it puts double ones, in which $ and ` keep their meaning; what begins with a quote it leaves.

    Raises:
        InputError: names the first such text.
    """
    for text in texts:
        if text[:1] in ("'", '"') or ("'" in text and set(text) & set('"$`')):
            raise InputError(
                f'{text}: what begins with a quote, or has a single quote beside one of " $ `, '
                "does not reach jobs as it is. Another name would; or a file given to --configfile."
            )
