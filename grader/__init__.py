"""Grades one deep-learning assignment: neural-network pruning.

The modules, in the order in which a submission meets them:

- ``records``   every record that flows between the stages, in order of appearance
- ``errors``    ``SubmissionError`` is theirs and becomes a verdict; ``GraderError`` is ours
- ``rubric``    loads and checks rubric.yaml; turns measurements into marks
- ``formulas``  sparsity, error, score, points: pure, used on both sides of the process line
- ``task``      the instances: data, splits, trained models, secret; ``generator`` makes them, ``owndata`` reads others'
- ``intake``    finds and reads submissions, never executes them; ``notebook`` and ``unzip`` open two of their forms
- ``sandbox``   the keeper's side of a run; ``nursery`` owns the forking process, ``conversation`` one run's pipes and clock
- ``inside``    everything that shares a process with student code
- ``evidence``  what became of a run that gave no weights
- ``weights``   the gate: untrusted bytes become arrays, or a verdict
- ``evaluate``  sparsity and error on a device, in float64
- ``pipeline``  ``grade()``: the whole path on one screen
- ``ledger``    every outcome once, on disk, before it is shown
- ``batch``     many submissions over several workers
- ``cluster``   the same over a Ray cluster, with ``fleet`` (which knows Ray), ``outpost`` on each node, ``parcels`` and ``seal``
- ``report``    JSON, HTML and CSV from measurements and marks
"""

__version__ = "0.1.0"
