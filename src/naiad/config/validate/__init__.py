"""Whether a configuration is one that can be served; Triton's sentences verbatim (triton.md §3.5, A1)."""

from naiad.config.validate.model import validate, validate_model, validate_version
from naiad.config.validate.signature import validate_signature
from naiad.config.validate.tensors import validate_tensors

__all__ = ["validate", "validate_model", "validate_signature", "validate_tensors", "validate_version"]
