"""VLCS: five classes of four collections of photographs (Fang et al., 2013)."""

from functools import partial

from feature_quality.data.domains import domain_spec, prepare_domains, split_domains

SPEC = domain_spec(
    "vlcs",
    "VLCS",
    "VLCS",
    {"C": "Caltech101", "L": "LabelMe", "S": "SUN09", "V": "VOC2007"},
    (1415, 2656, 3282, 3376),
    5,
)
prepare = partial(prepare_domains, SPEC)
split = split_domains
