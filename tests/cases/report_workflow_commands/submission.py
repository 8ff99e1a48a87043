"""Lines that a runner of GitHub's or Azure's takes for commands."""

COMMANDS = """::error::failed
::stop-commands::token
::add-mask::1
::set-output name=points::100
::set-env name=PATH::/tmp
##[error]failed
##vso[task.setvariable variable=points]100
##teamcity[buildStatus text='passed']
section_start:0:all[collapsed=true]\r\x1b[0K"""


def prune(model):
    print(COMMANDS)
    raise ValueError("\n" + COMMANDS)
