"""EVERYTHING HERE SHARES A PROCESS WITH STUDENT CODE, or forks the processes that do.

Who runs what, from the keeper's side of the line inwards:

- ``__main__``   the nursery: a clean exec with torch imported, which forks one warden per run
- ``warden``     pid 1 of a run's pid namespace: builds its private root, samples, keeps the clock's second hand, kills
- ``census``     the figures that the warden goes by: CPU time and memory of the whole run, from /proc
- ``confine``    the consecutive steps that lock the forked child down
- ``proof``      tries what they must have made impossible, before a line of the submission is read
- ``survey``     tries each part of them in a process of its own, for ``grade.py doctor``
- ``kernel``     the system calls which Python lacks, by ctypes
- ``confined``   the forked child: confines itself, receives the submission
- ``alone``      the same without confinement, for practice where there is no fork; ``rehearsal`` refuses what a sandbox would
- ``submission`` inside: imports the submission, calls ``prune(model)``, reports
- ``collect``    makes 142,346 float32 numbers out of whatever prune gave back
- ``failure``    says why it failed and where, in the student's own file or cell; ``hints`` says what to do about it
- ``packages``   holds submissions to the packages that the rubric lists
- ``processes``  lets 'fork' start all of a submission's processes, and says what could not start
- ``notebook``   what notebooks expect around them: get_ipython, display, tqdm.notebook
- ``assignment`` the module that submissions import

Nothing outside this folder imports it, and it imports nothing of ours but ``grader.formulas``. No number that a process
of this folder reports is believed by the keeper, save what the warden says of the clock and the wait status.
"""
