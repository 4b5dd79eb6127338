"""The page on which a person marks written answers: equal ones once, blind, by the keyboard."""
