"""PACS: seven classes in four styles (Li et al., 2017)."""

from functools import partial

from feature_quality.data.domains import domain_spec, prepare_domains, split_domains

SPEC = domain_spec(
    "pacs",
    "PACS",
    "PACS",
    {"A": "art_painting", "C": "cartoon", "P": "photo", "S": "sketch"},
    (2048, 2344, 1670, 3929),
    7,
)
prepare = partial(prepare_domains, SPEC)
split = split_domains
