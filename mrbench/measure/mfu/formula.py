"""Floating-point operations of a unit of work, worked out from a recipe's formula."""

import ast
import math
import operator
from collections.abc import Callable, Mapping

from mrbench.errors import RecipeError
from mrbench.model.mfu import Flops, FlopsPerUnit
from mrbench.text import shorten

LONGEST = 400  # characters of a formula
GRAMMAR = "write a number, or + - * / ** and parentheses over numbers and names of `values`"
_BINARY: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def worked_out(stated: FlopsPerUnit, sequence_length: int | None) -> Flops:
    """Return a recipe's formulas as numbers; RecipeError, with the key in `key`, says what fails.

    sequence_length: of the workload, a name of its own in the formulas.
    """
    values = {} if sequence_length is None else {"sequence_length": float(sequence_length)}
    for name, text in stated.values.items():
        if name in values:
            known = f"{name} is {sequence_length}, as workload.{name} says"
            raise RecipeError(known, "remove it from values", key=f"values.{name}")
        values[name] = _number(name, text)
    per_unit = evaluate(stated.formula, values, "formula")
    attention = None
    if stated.attention_formula is not None:
        attention = evaluate(stated.attention_formula, values, "attention_formula")
        if attention > per_unit:
            text = f"attention has {attention:.4g} operations, the whole only {per_unit:.4g}"
            remedy = "give in attention_formula the part of formula that is attention"
            raise RecipeError(text, remedy, key="attention_formula")
    return Flops(
        per_unit=per_unit,
        attention_per_unit=attention,
        formula=stated.formula,
        values=values,
        attention=stated.attention,
        arithmetic=stated.arithmetic,
        source=stated.source,
    )


def evaluate(formula: str, values: Mapping[str, float], key: str) -> float:
    """Return what a formula comes to, above 0 and finite; RecipeError if it is none."""
    if len(formula) > LONGEST:
        raise RecipeError(f"more than {LONGEST} characters", GRAMMAR, key=key)
    try:
        tree = ast.parse(formula.strip(), mode="eval")
        result = _value(tree.body, values, key)
    except (SyntaxError, ValueError) as exc:
        raise RecipeError(f"{shorten(formula)} is no formula", GRAMMAR, key=key) from exc
    except (ArithmeticError, RecursionError) as exc:
        text = f"{shorten(formula)} cannot be worked out: {exc}"
        raise RecipeError(text, "check its numbers", key=key) from exc
    if not 0 < result < math.inf:
        raise RecipeError(f"{shorten(formula)} is {result:g}", "it must be above 0", key=key)
    return result


def _value(node: ast.expr, values: Mapping[str, float], key: str) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.Name(id=name):
            if name not in values:
                known = ", ".join(values) or "none"
                text = f"{shorten(name)} has no value"
                raise RecipeError(text, f"give it in values; known: {known}", key=key)
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, values, key)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
            one, other = _value(left, values, key), _value(right, values, key)
            if one < 0 and not other.is_integer() and isinstance(sign, ast.Pow):
                raise ArithmeticError("a root of a negative number")
            return _BINARY[type(sign)](one, other)
    raise SyntaxError(ast.unparse(node))


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise RecipeError(
            f"{shorten(text)} is no number", "give one, e.g. 124e6", key=f"values.{name}"
        )
    return number
