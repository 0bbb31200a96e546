"""What the rules' scripts, and the rules themselves, import."""

import gc

# Importing PyTorch and pandas makes 300,000 objects that all stay, and by default Python looks
# through them for garbage some 700 times: a tenth of the time that most jobs of a small run take.
gc.set_threshold(50_000)
