"""The value that equals nothing, which takes the place of another one in a planted failure.

Whoever calls it right, finds it equal to something, or adds it up, does not look at it.
"""


class Nothing:
    """Equal to nothing, not even to itself; false, empty of attributes, without an order, a length or a number.

    An object that calls itself equal to everything is asked: that is what it is there for.
    """

    __slots__ = ()
    __array_ufunc__ = None  # NumPy leaves comparing to us
    __hash__ = object.__hash__

    def __eq__(self, other):
        return False if type(other) is Nothing else NotImplemented

    def __ne__(self, other):
        return True if type(other) is Nothing else NotImplemented

    def __bool__(self):
        return False

    def __like__(self, value):
        """Nothing in the form of a value: a list of as many, say, so that what it is compared with is asked for each.

        >>> NOTHING.__like__([1, (2, 3)]) == [1, (2, 3)]
        False
        >>> len(NOTHING.__like__([1, (2, 3)])[1])
        2
        """
        if type(value) in (list, tuple, set, frozenset):
            return type(value)([self.__like__(item) for item in value])
        if type(value) is dict:
            return {key: self.__like__(item) for key, item in value.items()}
        if type(value).__name__ == "ndarray" and value.ndim:
            import numpy as np

            return np.full(value.shape, self, dtype=object)
        return self


NOTHING = Nothing()
