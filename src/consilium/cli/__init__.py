"""The door: the verbs of consilium, in the terminal and in Python."""
