class GradingError(Exception):
    pass
