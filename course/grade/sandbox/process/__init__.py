"""The student's side: the only part of the grader that a sandbox sees. It knows nothing of tests and marks.

In: requests over one socket. Out: replies, as plain values. `kernel` is the parent that only forks, `isolation` what a
child gives up before it runs anything, `session` the requests that it answers, `shell` IPython without a front end,
`values` the transport; `nothing` is the value that equals nothing. The grader's side imports `values` as well.
"""
