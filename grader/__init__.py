"""Grades one deep-learning assignment: neural-network pruning.

The modules, in the order in which a submission meets them:

- ``records``   every record that flows between the stages, in order of appearance
- ``errors``    ``SubmissionError`` is theirs and becomes a verdict; ``GraderError`` is ours
- ``signals``   Ctrl-C waits where it could get lost
- ``rubric``    loads and checks rubric.yaml; ``yamlfile`` reads what a person wrote
- ``marking``   turns measurements into marks and points, with ``lateness`` and a person's ``adjustments``
- ``formulas``  sparsity, error, score, points: pure, used on both sides of the process line
- ``task``      the instances: data, splits, trained models, secret; ``generator`` makes them, ``owndata`` reads others'
- ``intake``    finds and reads submissions, never executes them; ``notebook`` and ``unzip`` open two of their forms;
  ``naming`` makes ids of names, ``nofollow`` opens what no link leads to, ``beside`` tells submissions from what lies beside them
- ``downloads`` splits what an LMS gave, ``gradescope`` reads its metadata, ``clone`` a git clone's commit; ``roster`` says who
  each is and who is missing, ``attempts`` which of several counts
- ``sandbox``   the keeper's side of a run; ``nursery`` owns the forking process, ``conversation`` one run's pipes and clock
- ``portable``  the same for practice on macOS and Windows; ``fresh`` owns one run's process, its pipes and clock
- ``handover``  what goes into a run either way, ``incoming`` what comes out
- ``inside``    everything that shares a process with student code
- ``evidence``  what became of a run that gave no weights
- ``weights``   the gate: untrusted bytes become arrays, or a verdict
- ``evaluate``  sparsity and error on a device, in float64
- ``pipeline``  ``grade()``: the whole path on one screen
- ``ledger``    every outcome once, on disk, before it is shown
- ``batch``     many submissions over several workers
- ``cluster``   the same over a Ray cluster, with ``fleet`` (which knows Ray), ``outpost`` on each node, ``parcels`` and ``seal``
- ``report``    JSON, HTML, CSV and what CI and Gradescope read, from measurements and marks
- ``export``    grades and reports into Canvas's and Moodle's own files
- ``similarity`` what submissions have in common, for the instructor's eyes
- ``kits``      zips for students, Gradescope, GitHub and GitLab: the grader without anything hidden
"""

__version__ = "0.1.0"
