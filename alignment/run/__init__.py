"""A run in a workdir: what is to be done, training a stage, answering with an arm, and what is kept on disk."""
