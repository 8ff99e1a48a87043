"""What submissions have in common, for the instructor's eyes: a hint, never a verdict.

- ``entries``  the sources of a batch and what is known of each, read as text; nothing of them runs
- ``tokens``   a source as the tokens that renaming and reformatting leave alone, within bounds
- ``passages`` runs of tokens that two submissions share and that are neither the template's nor everybody's
- ``classes``  the whole class: who handed in the same, and which pairs share most
- ``page``     all of it on one page
"""
