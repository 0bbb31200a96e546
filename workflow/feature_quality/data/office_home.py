"""OfficeHome: 65 classes in four styles (Venkateswara et al., 2017)."""

from functools import partial

from feature_quality.data.domains import domain_spec, prepare_domains, split_domains

SPEC = domain_spec(
    "office_home",
    "OfficeHome",
    "office_home",
    {"A": "Art", "C": "Clipart", "P": "Product", "R": "Real World"},
    (2427, 4365, 4439, 4357),
    65,
)
prepare = partial(prepare_domains, SPEC)
split = split_domains
