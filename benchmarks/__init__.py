"""naiad side by side with the servers that it is measured against (README.md says how)."""
