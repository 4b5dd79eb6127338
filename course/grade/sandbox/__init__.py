"""Where students' code runs, and what it cannot do there.

In: the kind of sandbox and the limits. Out: a process of the student's that runs cells and answers calls. The grader
never trusts what comes out of it. `limits` says what a submission may use, `choice` which sandbox works here,
`bubblewrap` and `docker` how each is started and `view` what it shows of the machine; `warm` keeps the parent that has
the libraries loaded, `student` is the process of one submission and its branches, seen from outside, `watch` and
`groups` look after what it uses. `process` is the other side: all of the grader that a sandbox sees.
"""
