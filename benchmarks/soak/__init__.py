"""A long mixed load on one naiad while its models come, go and change: is anything lost, wrong, or left behind?"""
