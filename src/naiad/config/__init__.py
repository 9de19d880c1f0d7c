"""Model configurations (config.pbtxt), sans-IO: read, complete, normalise, validate, show.

The order is Triton's: `pbtxt.parse`, `autocomplete.complete_backend`, `normalize`, `validate`; then, with the graph
loaded, `autocomplete.complete_from_signature`, `normalize` and `validate` again, and `validate_signature`.
"""
