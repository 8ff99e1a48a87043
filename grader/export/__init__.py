"""Results back into the files of a learning management system: numbers into its tables, reports into zips for its uploads.

- ``names``     what Canvas and Moodle write into the names of the files that one downloads there
- ``table``     a CSV file of which single cells change and everything else stays, byte for byte
- ``people``    which line of such a file belongs to which submission; never a guess
- ``filled``    grades put into the cells of one column, and what could not be put there
- ``canvas``    the instructor's own gradebook
- ``moodle``    the downloaded grading worksheet, whatever language its headers are in
- ``replacing`` a file that is there as a whole or not at all
- ``feedback``  a zip of reports, under the names by which the upload finds their students
"""
