"""Reports from measurements and marks: what the instructor sees, and the part of it that a student may see.

- ``text``     makes untrusted text harmless and short, for every format
- ``schema``   the published form of grades.json and report.json
- ``build``    graded submissions -> reports -> grades: everything, for the instructor
- ``student``  a report -> what its student may see: the only way from hidden instances to students
- ``advice``   verdicts in plain words, and what limits the points
- ``csv``      gradebook.csv
- ``checked``  a self-check as ``summary`` (text), ``junit``, ``gitlab``, ``github`` and ``gradescope`` write it
- ``html``     the pages
- ``write``    all files of a batch, each written at once or not at all
"""
