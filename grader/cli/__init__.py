"""The command line: the only part of the grader that prints and exits.

- ``terminal``   what is printed and how: untrusted text made visible, progress, JSON, streams that nobody reads
- ``manners``    the name it was called by, help, and who wants no colour
- ``mistakes``   wrong options and arguments, told in the project's words
- ``options``    what several commands take
- ``grading``    batch and init
- ``checking``   check, in all its formats; ``watching`` does so again whenever the files have changed
- ``kits``       kit
- ``ci``         what a batch has found, for the GitHub job that ran it
- ``diagnosis``  doctor
- ``ladder``     calibrate and sweep
- ``exporting``  export
- ``similarity`` similarity
- ``program``    all commands under one name, exit status, and what happens at Ctrl-C
"""
