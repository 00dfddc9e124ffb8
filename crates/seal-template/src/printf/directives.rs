//! Walks a printf format: flags, widths, precisions, explicit argument indices, and complaints about them.
//! How a value looks under a verb is `printf`'s business.

use super::Printer;
use super::format::Flags;
use crate::function::CallFault;
use crate::quote::decode;
use crate::value::Value;

/// Widths and precisions beyond this are not numbers to Go.
const MAX_NUMBER: i64 = 1_000_000;

pub(super) struct Directives<'a> {
    format: &'a [u8],
    at: usize,
    values: &'a [Value],
    argument: usize,
    reordered: bool,
    is_good: bool,
}

impl<'a> Directives<'a> {
    pub(super) fn new(format: &'a [u8], values: &'a [Value]) -> Self {
        Directives {
            format,
            at: 0,
            values,
            argument: 0,
            reordered: false,
            is_good: true,
        }
    }

    /// The arguments that no directive used; none when explicit indices make that hard to say.
    pub(super) fn left_over(&self) -> &'a [Value] {
        if self.reordered {
            &[]
        } else {
            self.values.get(self.argument..).unwrap_or_default()
        }
    }

    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    pub(super) fn run(&mut self, printer: &mut Printer<'_>) -> Result<(), CallFault> {
        while self.at < self.format.len() {
            let rest = &self.format[self.at..];
            let literal = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
            printer.format.into.extend(&rest[..literal])?;
            self.at += literal;
            if self.at == self.format.len() {
                break;
            }
            self.at += 1;
            self.directive(printer)?;
        }
        Ok(())
    }

    /// One directive, behind its percent sign.
    fn directive(&mut self, printer: &mut Printer<'_>) -> Result<(), CallFault> {
        self.is_good = true;
        let mut flags = Flags::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        let mut after_index = self.argument_index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            flags.width = self.star();
            match flags.width {
                None => printer.format.into.extend("%!(BADWIDTH)")?,
                Some(width) if width < 0 => {
                    flags.width = Some(-width);
                    flags.minus = true;
                    flags.zero = false;
                }
                Some(_) => {}
            }
            after_index = false;
        } else {
            flags.width = self.number(self.format.len());
            self.is_good &= !(after_index && flags.width.is_some());
        }
        if self.peek() == Some(b'.') && self.at + 1 < self.format.len() {
            self.at += 1;
            self.is_good &= !after_index;
            after_index = self.argument_index();
            if self.peek() == Some(b'*') {
                self.at += 1;
                flags.precision = self.star().filter(|precision| *precision >= 0);
                if flags.precision.is_none() {
                    printer.format.into.extend("%!(BADPREC)")?;
                }
                after_index = false;
            } else {
                flags.precision = Some(self.number(self.format.len()).unwrap_or(0));
            }
        }
        if !after_index {
            self.argument_index();
        }
        if self.at >= self.format.len() {
            return printer.format.into.extend("%!(NOVERB)");
        }
        let (verb, width) = decode(&self.format[self.at..]);
        let verb = verb.unwrap_or(char::REPLACEMENT_CHARACTER);
        self.at += width;
        printer.format.flags = flags;
        match self.values.get(self.argument) {
            _ if verb == '%' => printer.format.into.push(b'%'),
            _ if !self.is_good => printer.complain(verb, "(BADINDEX)"),
            None => printer.complain(verb, "(MISSING)"),
            Some(value) => {
                self.argument += 1;
                let flags = &mut printer.format.flags;
                if matches!(verb, 'v' | 'w') {
                    (flags.sharp_v, flags.plus_v) = (flags.sharp, flags.plus);
                    (flags.sharp, flags.plus) = (false, false);
                }
                printer.argument(value, verb)
            }
        }
    }

    /// An explicit index, `[3]`; says whether there was a usable one.
    fn argument_index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let close = rest
            .iter()
            .position(|byte| *byte == b']')
            .filter(|_| rest.len() >= 3);
        let Some(close) = close else {
            self.is_good = false;
            self.at += 1;
            return false;
        };
        let end = self.at + close;
        self.at += 1;
        let number = self.number(end).filter(|_| self.at == end);
        self.at = end + 1;
        match number.map(|number| usize::try_from(number - 1)) {
            Some(Ok(index)) if index < self.values.len() => {
                self.argument = index;
                true
            }
            number => {
                self.is_good = false;
                number.is_some()
            }
        }
    }

    fn number(&mut self, end: usize) -> Option<i64> {
        let mut number = None;
        while let Some(digit) = self.peek().filter(|byte| self.at < end && byte.is_ascii_digit()) {
            let so_far: i64 = number.unwrap_or(0);
            if so_far > MAX_NUMBER {
                self.at = end;
                return None;
            }
            number = Some(so_far * 10 + i64::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    /// The argument that a `*` stands for.
    fn star(&mut self) -> Option<i64> {
        let value = self.values.get(self.argument)?;
        self.argument += 1;
        let number = match value {
            Value::Int(number) | Value::Int64(number) => *number,
            Value::Uint8(number) => i64::from(*number),
            Value::Uint64(number) => i64::try_from(*number).ok()?,
            _ => return None,
        };
        (-MAX_NUMBER..=MAX_NUMBER).contains(&number).then_some(number)
    }
}
