//! Arithmetic: 64-bit integers that wrap, floats through exact decimals, counting.
//! Does not compare or format numbers; those are Go's own functions.

use num_bigint::BigInt;

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::sprig::cast::{parse_int, print, to_float, to_int};
use crate::value::{Element, List, Value};

const DIVIDE_BY_ZERO: CallFault = CallFault::Refused("runtime error: integer divide by zero");

pub(super) fn atoi(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Int(
        parse_int(arguments.text(0)?, 10).unwrap_or_else(|fault| fault.ignored()),
    ))
}

pub(super) fn int(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Int(to_int(arguments.any(0))))
}

pub(super) fn int64(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Int64(to_int(arguments.any(0))))
}

pub(super) fn float64(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Float(to_float(arguments.any(0))))
}

/// Reads octal, in spite of its name: it turns file modes into numbers.
pub(super) fn to_decimal(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(Value::Int64(
        parse_int(&print(arguments.any(0), call)?, 8).unwrap_or(0),
    ))
}

pub(super) fn add(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Int64(
        arguments.all().iter().map(to_int).fold(0, i64::wrapping_add),
    ))
}

pub(super) fn add1(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Int64(to_int(arguments.any(0)).wrapping_add(1)))
}

pub(super) fn sub(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Int64(
        to_int(arguments.any(0)).wrapping_sub(to_int(arguments.any(1))),
    ))
}

pub(super) fn mul(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Int64(
        arguments.all().iter().map(to_int).fold(1, i64::wrapping_mul),
    ))
}

pub(super) fn div(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let (dividend, divisor) = (to_int(arguments.any(0)), to_int(arguments.any(1)));
    if divisor == 0 {
        Err(DIVIDE_BY_ZERO)
    } else {
        Ok(Value::Int64(dividend.wrapping_div(divisor)))
    }
}

pub(super) fn modulo(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let (dividend, divisor) = (to_int(arguments.any(0)), to_int(arguments.any(1)));
    if divisor == 0 {
        Err(DIVIDE_BY_ZERO)
    } else {
        Ok(Value::Int64(dividend.wrapping_rem(divisor)))
    }
}

pub(super) fn max(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Int64(
        arguments.all().iter().map(to_int).max().unwrap_or(0),
    ))
}

pub(super) fn min(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Int64(
        arguments.all().iter().map(to_int).min().unwrap_or(0),
    ))
}

/// A NaN anywhere makes the result NaN, which `f64::max` would not.
pub(super) fn maxf(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Float(fold_floats(arguments, f64::max)))
}

pub(super) fn minf(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Float(fold_floats(arguments, f64::min)))
}

fn fold_floats(arguments: Arguments<'_>, choose: fn(f64, f64) -> f64) -> f64 {
    let choose = |left: f64, right: f64| {
        if left.is_nan() || right.is_nan() {
            f64::NAN
        } else {
            choose(left, right)
        }
    };
    arguments.all().iter().map(to_float).reduce(choose).unwrap_or(0.0)
}

pub(super) fn floor(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Float(to_float(arguments.any(0)).floor()))
}

pub(super) fn ceil(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::Float(to_float(arguments.any(0)).ceil()))
}

/// Upwards from half (or from what the third argument says), and upwards for negatives, as upstream.
pub(super) fn round(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    let number = to_float(arguments.any(0));
    let round_on = if arguments.all().len() > 2 {
        arguments.float(2)?
    } else {
        0.5
    };
    let power = power_of_ten(arguments.int(1)?);
    let scaled = power * number;
    // Go's Modf of an infinity has a fraction of NaN, Rust's of zero; only NaN compares false.
    let fraction = if scaled.is_finite() {
        scaled - scaled.trunc()
    } else {
        f64::NAN
    };
    let rounded = if fraction >= round_on {
        scaled.ceil()
    } else {
        scaled.floor()
    };
    Ok(Value::Float(rounded / power))
}

fn power_of_ten(places: i64) -> f64 {
    format!("1e{places}")
        .parse()
        .expect("digits after an e are a float")
}

pub(super) fn addf(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    calculate(Decimal::whole(0), arguments.all(), call, |left, right| {
        Ok(left.plus(&right))
    })
}

pub(super) fn add1f(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    calculate(Decimal::whole(1), arguments.all(), call, |left, right| {
        Ok(left.plus(&right))
    })
}

pub(super) fn subf(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let start = Decimal::of(arguments.any(0))?;
    calculate(start, arguments.from(1), call, |left, right| {
        Ok(left.plus(&right.negated()))
    })
}

pub(super) fn mulf(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    calculate(
        Decimal::of(arguments.any(0))?,
        arguments.from(1),
        call,
        |left, right| Ok(left.times(&right)),
    )
}

pub(super) fn divf(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    calculate(
        Decimal::of(arguments.any(0))?,
        arguments.from(1),
        call,
        |left, right| left.over(&right),
    )
}

fn calculate(
    start: Decimal,
    operands: &[Value],
    call: &mut Call<'_>,
    operation: fn(Decimal, Decimal) -> Result<Decimal, CallFault>,
) -> Outcome {
    let mut sum = start;
    for operand in operands {
        // A product of many tiny floats grows by hundreds of digits each time.
        call.spend(1 + sum.mantissa.bits() / 64)?;
        sum = operation(sum, Decimal::of(operand)?)?;
    }
    Ok(Value::Float(sum.to_float()))
}

/// An exact decimal, as shopspring/decimal has it: mantissa · 10^exponent.
struct Decimal {
    mantissa: BigInt,
    exponent: i32,
}

/// Decimal places of a quotient.
const DIVISION_PRECISION: i32 = 16;

impl Decimal {
    fn whole(number: u8) -> Decimal {
        Decimal {
            mantissa: number.into(),
            exponent: 0,
        }
    }

    fn of(value: &Value) -> Result<Decimal, CallFault> {
        let float = to_float(value);
        if !float.is_finite() {
            return Err(CallFault::Refused(
                "Cannot create a Decimal from an infinity or NaN",
            ));
        }
        // `{:e}` is the shortest text that reads back as the same float: digits[.digits]e<exponent>.
        let text = format!("{float:e}");
        let (mantissa, exponent) = text.split_once('e').expect("`{:e}` prints an exponent");
        let exponent: i32 = exponent.parse().expect("`{:e}` prints a decimal exponent");
        let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        Ok(Decimal {
            mantissa: mantissa
                .replace('.', "")
                .parse()
                .expect("`{:e}` prints decimal digits"),
            exponent: exponent - i32::try_from(places).expect("a float has at most 17 digits"),
        })
    }

    fn negated(self) -> Decimal {
        Decimal {
            mantissa: -self.mantissa,
            ..self
        }
    }

    fn scaled_to(&self, exponent: i32) -> BigInt {
        &self.mantissa * power(self.exponent - exponent)
    }

    fn plus(&self, other: &Decimal) -> Decimal {
        let exponent = self.exponent.min(other.exponent);
        Decimal {
            mantissa: self.scaled_to(exponent) + other.scaled_to(exponent),
            exponent,
        }
    }

    fn times(&self, other: &Decimal) -> Decimal {
        Decimal {
            mantissa: &self.mantissa * &other.mantissa,
            exponent: self.exponent.saturating_add(other.exponent),
        }
    }

    /// To sixteen decimal places, half away from zero.
    fn over(&self, other: &Decimal) -> Result<Decimal, CallFault> {
        if other.mantissa == BigInt::ZERO {
            return Err(CallFault::Refused("decimal division by 0"));
        }
        let shift = self.exponent - other.exponent + DIVISION_PRECISION;
        let (dividend, divisor) = if shift < 0 {
            (self.mantissa.clone(), &other.mantissa * power(-shift))
        } else {
            (&self.mantissa * power(shift), other.mantissa.clone())
        };
        let quotient = &dividend / &divisor;
        let remainder = &dividend - &quotient * &divisor;
        let negative = (dividend < BigInt::ZERO) != (divisor < BigInt::ZERO);
        let half_or_more = remainder.magnitude() * 2_u8 >= *divisor.magnitude();
        let step = match (half_or_more, negative) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => -1,
        };
        Ok(Decimal {
            mantissa: quotient + step,
            exponent: -DIVISION_PRECISION,
        })
    }

    fn to_float(&self) -> f64 {
        format!("{}e{}", self.mantissa, self.exponent)
            .parse()
            .expect("digits and an exponent are a float")
    }
}

fn power(exponent: i32) -> BigInt {
    BigInt::from(10_u8).pow(exponent.unsigned_abs())
}

pub(super) fn until(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let count = arguments.int(0)?;
    Ok(integers(count_steps(
        0,
        count,
        if count < 0 { -1 } else { 1 },
        call,
    )?))
}

pub(super) fn until_step(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    Ok(integers(count_steps(
        arguments.int(0)?,
        arguments.int(1)?,
        arguments.int(2)?,
        call,
    )?))
}

fn integers(numbers: Vec<i64>) -> Value {
    List::of(Element::Int, numbers.into_iter().map(Value::Int).collect()).into()
}

/// `untilStep`; refuses before it allocates.
fn count_steps(start: i64, stop: i64, step: i64, call: &mut Call<'_>) -> Result<Vec<i64>, CallFault> {
    let reaches = if stop < start { step < 0 } else { step > 0 };
    if !reaches {
        return Ok(Vec::new());
    }
    let count = start.abs_diff(stop).div_ceil(step.unsigned_abs());
    call.admit(
        usize::try_from(count)
            .unwrap_or(usize::MAX)
            .saturating_mul(size_of::<Value>()),
    )?;
    call.spend(count)?;
    Ok(
        std::iter::successors(Some(start), |number| number.checked_add(step))
            .take(count as usize)
            .collect(),
    )
}

/// Like the shell's `seq`, but with the step before the end.
pub(super) fn seq(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let towards = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, step, end) = match arguments.all().len() {
        1 => (1, towards(1, arguments.int(0)?), arguments.int(0)?),
        2 => (
            arguments.int(0)?,
            towards(arguments.int(0)?, arguments.int(1)?),
            arguments.int(1)?,
        ),
        3 if arguments.int(2)? < arguments.int(0)? && arguments.int(1)? > 0 => return Ok("".into()),
        3 => (arguments.int(0)?, arguments.int(1)?, arguments.int(2)?),
        _ => return Ok("".into()),
    };
    let numbers = count_steps(start, end.wrapping_add(towards(start, end)), step, call)?;
    let mut buffer = call.buffer();
    for (position, number) in numbers.iter().enumerate() {
        if position > 0 {
            buffer.push(b' ')?;
        }
        buffer.extend(number.to_string())?;
    }
    Ok(buffer.into_text().into())
}
