"""`/score` of naiad's entry-script host beside Azure ML's."""
