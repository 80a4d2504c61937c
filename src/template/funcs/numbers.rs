//! Numbers: conversions, arithmetic, sequences (sprig's `numeric.go`).

use super::args::{any, float, int, text};
use super::cast::{to_float, to_int};
use super::decimal::Decimal;
use super::parse::{NumError, parse_int};
use super::text::sprint;
use super::{FuncDef, FuncError, FuncResult, Host, MAX_ITEMS};
use crate::template::{GoType as T, List, Val};
use std::rc::Rc;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::variadic("add", &[T::Any], T::Int64, |_, a| Ok(Val::int64(fold(a, 0, i64::wrapping_add))),
        "The sum, in integers."),
    FuncDef::new("add1", &[T::Any], T::Int64, |_, a| Ok(Val::int64(to_int(any(a, 0)).wrapping_add(1))),
        "The integer and one."),
    FuncDef::new("add1f", &[T::Any], T::Float64, |_, a| decimals(any(a, 0), &[Val::int(1)], Decimal::add),
        "The number and one."),
    FuncDef::variadic("addf", &[T::Any], T::Float64, |_, a| decimals(&Val::float(0.0), a, Decimal::add),
        "The sum, exact in decimals."),
    FuncDef::new("atoi", &[T::String], T::Int, |_, a| Ok(Val::int(atoi(text(a, 0)))),
        "The decimal integer that the string spells, or 0."),
    FuncDef::variadic("biggest", &[T::Any, T::Any], T::Int64, max, "As `max`, its old name."),
    FuncDef::new("ceil", &[T::Any], T::Float64, |_, a| Ok(Val::float(to_float(any(a, 0)).ceil())),
        "The nearest whole number not below the number."),
    FuncDef::new("div", &[T::Any, T::Any], T::Int64, |_, a| divide(a, i64::wrapping_div),
        "The quotient, in integers."),
    FuncDef::variadic("divf", &[T::Any, T::Any], T::Float64, |_, a| decimals(any(a, 0), rest(a), Decimal::div),
        "The first number divided by the others, to 16 decimals."),
    FuncDef::new("float64", &[T::Any], T::Float64, |_, a| Ok(Val::float(to_float(any(a, 0)))),
        "Anything as a `float64`; 0 where that fails."),
    FuncDef::new("floor", &[T::Any], T::Float64, |_, a| Ok(Val::float(to_float(any(a, 0)).floor())),
        "The nearest whole number not above the number."),
    FuncDef::new("int", &[T::Any], T::Int, |_, a| Ok(Val::int(to_int(any(a, 0)))),
        "Anything as an `int`; 0 where that fails."),
    FuncDef::new("int64", &[T::Any], T::Int64, |_, a| Ok(Val::int64(to_int(any(a, 0)))),
        "Anything as an `int64`; 0 where that fails."),
    FuncDef::variadic("max", &[T::Any, T::Any], T::Int64, max, "The greatest of the integers."),
    FuncDef::variadic("maxf", &[T::Any, T::Any], T::Float64, |_, a| Ok(Val::float(extreme(a, go_max))),
        "The greatest of the numbers."),
    FuncDef::variadic("min", &[T::Any, T::Any], T::Int64, |_, a| Ok(Val::int64(fold(rest(a), to_int(any(a, 0)), Ord::min))),
        "The smallest of the integers."),
    FuncDef::variadic("minf", &[T::Any, T::Any], T::Float64, |_, a| Ok(Val::float(extreme(a, go_min))),
        "The smallest of the numbers."),
    FuncDef::new("mod", &[T::Any, T::Any], T::Int64, |_, a| divide(a, i64::wrapping_rem),
        "The remainder of the division, in integers."),
    FuncDef::variadic("mul", &[T::Any, T::Any], T::Int64,
        |_, a| Ok(Val::int64(fold(rest(a), to_int(any(a, 0)), i64::wrapping_mul))),
        "The product, in integers."),
    FuncDef::variadic("mulf", &[T::Any, T::Any], T::Float64, |_, a| decimals(any(a, 0), rest(a), Decimal::mul),
        "The product, exact in decimals."),
    FuncDef::variadic("round", &[T::Any, T::Int, T::Float64], T::Float64,
        |_, a| Ok(Val::float(round(to_float(any(a, 0)), int(a, 1), a.get(2).map_or(0.5, |_| float(a, 2))))),
        "The number to a number of decimals; an optional third number says from which fraction on to go up."),
    FuncDef::variadic("seq", &[T::Int], T::String, seq, "Integers with spaces between, as the shell's `seq` prints them."),
    FuncDef::new("sub", &[T::Any, T::Any], T::Int64,
        |_, a| Ok(Val::int64(to_int(any(a, 0)).wrapping_sub(to_int(any(a, 1))))),
        "The difference, in integers."),
    FuncDef::variadic("subf", &[T::Any, T::Any], T::Float64, |_, a| decimals(any(a, 0), rest(a), Decimal::sub),
        "The first number without the others, exact in decimals."),
    FuncDef::new("toDecimal", &[T::Any], T::Int64,
        |_, a| Ok(Val::int64(parse_int(&sprint(any(a, 0))?, 8).unwrap_or(0))),
        "The number that the octal digits of a file mode mean, or 0."),
    FuncDef::new("until", &[T::Int], T::ListInt, |_, a| range(0, int(a, 0), if int(a, 0) < 0 { -1 } else { 1 }).map(ints),
        "The integers from 0 up to the number, without it."),
    FuncDef::new("untilStep", &[T::Int, T::Int, T::Int], T::ListInt,
        |_, a| range(int(a, 0), int(a, 1), int(a, 2)).map(ints),
        "The integers from the first number to the second, without it, by steps of the third."),
];

fn rest(args: &[Val]) -> &[Val] {
    args.get(1..).unwrap_or(&[])
}

fn fold(args: &[Val], start: i64, step: fn(i64, i64) -> i64) -> i64 {
    args.iter().map(to_int).fold(start, step)
}

fn max(_: &dyn Host, args: &[Val]) -> FuncResult {
    Ok(Val::int64(fold(rest(args), to_int(any(args, 0)), Ord::max)))
}

fn divide(args: &[Val], operation: fn(i64, i64) -> i64) -> FuncResult {
    match to_int(any(args, 1)) {
        0 => Err("runtime error: integer divide by zero".into()),
        divisor => Ok(Val::int64(operation(to_int(any(args, 0)), divisor))),
    }
}

fn decimals(start: &Val, rest: &[Val], op: fn(&Decimal, &Decimal) -> Result<Decimal, FuncError>) -> FuncResult {
    let mut result = Decimal::from_float(to_float(start))?;
    for value in rest {
        result = op(&result, &Decimal::from_float(to_float(value))?)?;
    }
    Ok(Val::float(result.to_float()))
}

fn extreme(args: &[Val], choose: fn(f64, f64) -> f64) -> f64 {
    rest(args).iter().map(to_float).fold(to_float(any(args, 0)), choose)
}

/// Go's `math.Max`: infinity before NaN, and +0 above -0.
fn go_max(a: f64, b: f64) -> f64 {
    match () {
        () if a == f64::INFINITY || b == f64::INFINITY => f64::INFINITY,
        () if a.is_nan() || b.is_nan() => f64::NAN,
        () if a == 0.0 && b == 0.0 => if a.is_sign_negative() { b } else { a },
        () => if a > b { a } else { b },
    }
}

/// Go's `math.Min`.
fn go_min(a: f64, b: f64) -> f64 {
    -go_max(-a, -b)
}

/// `strconv.Atoi` with its error ignored: 0 for what is no number, the limit for what is too big.
fn atoi(text: &[u8]) -> i64 {
    match parse_int(text, 10) {
        Ok(number) | Err(NumError::Range(number)) => number,
        Err(NumError::Syntax) => 0,
    }
}

fn round(value: f64, places: i64, from: f64) -> f64 {
    let power = pow10(places);
    let digit = power * value;
    let fraction = digit - digit.trunc();
    let rounded = if fraction >= from { digit.ceil() } else { digit.floor() };
    rounded / power
}

/// Go's `math.Pow(10, n)`, in its own order of multiplications: the C library's differs in the last bit.
fn pow10(power: i64) -> f64 {
    let (mut mantissa, mut exponent) = (1.0f64, 0i64);
    let (mut base, mut base_exponent) = (10.0 / 16.0, 4i64);
    let mut bits = power.unsigned_abs();
    while bits != 0 {
        if !(-(1 << 12)..=1 << 12).contains(&base_exponent) {
            exponent += base_exponent;
            break;
        }
        if bits & 1 == 1 {
            mantissa *= base;
            exponent += base_exponent;
        }
        base *= base;
        base_exponent <<= 1;
        if base < 0.5 {
            base += base;
            base_exponent -= 1;
        }
        bits >>= 1;
    }
    if power < 0 {
        (mantissa, exponent) = (1.0 / mantissa, -exponent);
    }
    // ldexp in two steps; beyond ±2200 the result is 0 or infinite anyway
    let exponent = exponent.clamp(-2200, 2200) as i32;
    mantissa * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
}

/// sprig's `untilStep`.
fn range(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, FuncError> {
    let mut numbers = Vec::new();
    if (stop < start) != (step < 0) || step == 0 {
        return Ok(numbers);
    }
    let mut next = start;
    while (step > 0 && next < stop) || (step < 0 && next > stop) {
        if numbers.len() == MAX_ITEMS {
            return Err(format!("the list would have more than the {MAX_ITEMS} items that windlass allows").into());
        }
        numbers.push(next);
        let Some(following) = next.checked_add(step) else { break };
        next = following;
    }
    Ok(numbers)
}

fn ints(numbers: Vec<i64>) -> Val {
    Val::List(List { ty: T::ListInt, items: Rc::new(numbers.into_iter().map(Val::int).collect()) })
}

fn seq(_: &dyn Host, args: &[Val]) -> FuncResult {
    let towards = |from: i64, to: i64| if to < from { -1 } else { 1 };
    let numbers = match args.len() {
        1 => {
            let (end, step) = (int(args, 0), towards(1, int(args, 0)));
            range(1, end.wrapping_add(step), step)?
        }
        2 => {
            let (start, end) = (int(args, 0), int(args, 1));
            let step = towards(start, end);
            range(start, end.wrapping_add(step), step)?
        }
        3 => {
            let (start, step, end) = (int(args, 0), int(args, 1), int(args, 2));
            match end < start && step > 0 {
                true => Vec::new(),
                false => range(start, end.wrapping_add(towards(start, end)), step)?,
            }
        }
        _ => Vec::new(),
    };
    let words: Vec<String> = numbers.iter().map(i64::to_string).collect();
    Ok(Val::str(words.join(" ")))
}
