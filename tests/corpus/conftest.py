"""run.py is a program, which finds its modules beside itself: pytest looks for no examples in it."""

collect_ignore = ["run.py"]
