"""naiad: high-performance model serving behind Triton's wire and Azure ML's life cycle."""

__version__ = "0.1.0"
