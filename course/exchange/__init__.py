"""What comes in from learning platforms, and what goes back to them.

In: archives, folders and tables, all of them other people's. Out: `submitted/`, and where each submission in it came
from. `archives` opens zips and folders safely, `encodings` reads their names, `platforms` says whose a path is,
`naming` makes ids of names, `tables` reads what platforms export, `roster` keeps who takes part, `arrivals` where
submissions came from, `people` which student a name is, `attempts` what somebody handed in, `placing` writes it,
`collect` does all of it. On the way back `returning` says what goes back for whom, `matching` which line of a
platform's table is theirs, `sheet` fills cells and leaves all others alone, `worksheet` is Moodle's table and its zip
of pages, `gradebook` Canvas's.
"""
