"""Is an answer the student's own?

In: an answer and the reference. Out: a sentence if the answer imports or wraps the reference, or is the
reference but for its names. It is a flag for the teacher, never a deduction.
"""

import ast

from course.grade.skeleton import parse


def copied(answer: str, reference: str, function: str) -> str | None:
    """One sentence that says in which way the answer is the reference's, or None."""
    tree = parse(answer)
    if tree is None:
        return None
    for node in ast.walk(tree):
        imported = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        if function in imported and (node.module or "").startswith("helpers"):
            return f"{function} is imported from helpers."
        if isinstance(node, ast.Attribute) and node.attr == function:
            return f"{function} is taken from {ast.unparse(node.value)}."
    defines = any(isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body)
    if defines and _shape(tree) == _shape(ast.parse(reference)):
        return f"{function} is the reference solution, but for names."
    return None


def _shape(tree: ast.AST) -> str:
    """The syntax tree without names, docstrings and annotations."""
    tree = ast.parse(ast.unparse(tree))  # a copy, without comments
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.name, node.returns = "_", None
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        elif isinstance(node, ast.Name):
            node.id = "_"
        elif isinstance(node, ast.arg):
            node.arg, node.annotation = "_", None
    return ast.dump(tree)
