"""What others need of the grader, in a zip each, with nothing hidden in it.

- ``archive``  members -> a zip with permissions, the same bytes every time; no secret gets into one
- ``wheel``    the grader as it runs here, as a wheel
- ``public``   a rubric and its data as everybody may see them
- ``build``    the kits: what lies where; their texts and scripts lie in ``kits/`` as they are
- ``outside``  ``assignment`` with the kit's data, for students' own Python
"""
