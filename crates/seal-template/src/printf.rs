//! Go's fmt: `print`, `println`, `printf` and what an action writes, for every kind and verb.
//! Padding and digits are `printf::format`'s and `printf::float`'s.

mod directives;
mod float;
mod format;

use directives::Directives;
use format::{Flags, Format};

use crate::function::CallFault;
use crate::limits::Limit;
use crate::value::{Buffer, Element, Object, Value};

/// Containers within containers that are printed (Go: until its stack is exhausted).
const MAX_NESTING: usize = 128;

/// Writes one value as `%v`.
pub(crate) fn print(value: &Value, into: &mut Buffer) -> Result<(), CallFault> {
    if let Value::Text(text) = value {
        return into.extend(text);
    }
    Printer::new(into).argument(value, 'v')
}

/// `fmt.Sprint`: a space between operands of which neither is a string.
pub(crate) fn print_all(values: &[Value], into: &mut Buffer) -> Result<(), CallFault> {
    let mut after_text = true;
    for value in values {
        let is_text = matches!(value, Value::Text(_));
        if !is_text && !after_text {
            into.push(b' ')?;
        }
        print(value, into)?;
        after_text = is_text;
    }
    Ok(())
}

/// `fmt.Sprintln`: a space between all operands, and a newline.
pub(crate) fn print_line(values: &[Value], into: &mut Buffer) -> Result<(), CallFault> {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            into.push(b' ')?;
        }
        print(value, into)?;
    }
    into.push(b'\n')
}

/// `fmt.Sprintf`
pub(crate) fn print_format(format: &[u8], values: &[Value], into: &mut Buffer) -> Result<(), CallFault> {
    let mut printer = Printer::new(into);
    let mut directives = Directives::new(format, values);
    directives.run(&mut printer)?;
    match directives.left_over() {
        [] => Ok(()),
        extra => printer.extra(extra),
    }
}

struct Printer<'b> {
    format: Format<'b>,
    nesting: usize,
    /// While complaining about a verb, values print plainly.
    erring: bool,
}

impl<'b> Printer<'b> {
    fn new(into: &'b mut Buffer) -> Self {
        Printer {
            format: Format {
                into,
                flags: Flags::default(),
            },
            nesting: 0,
            erring: false,
        }
    }

    fn complain(&mut self, verb: char, complaint: &str) -> Result<(), CallFault> {
        self.format.into.extend("%!")?;
        self.format.into.push_char(verb)?;
        self.format.into.extend(complaint)
    }

    /// What a format string left over.
    fn extra(&mut self, values: &[Value]) -> Result<(), CallFault> {
        self.format.flags = Flags::default();
        self.format.into.extend("%!(EXTRA ")?;
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.format.into.extend(", ")?;
            }
            self.format.into.extend(value.type_name())?;
            if !matches!(value, Value::Nil) {
                self.format.into.push(b'=')?;
                self.argument(value, 'v')?;
            }
        }
        self.format.into.push(b')')
    }

    /// A value at the top level, where `%T` and `%p` count and a nil is bare.
    fn argument(&mut self, value: &Value, verb: char) -> Result<(), CallFault> {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.format.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => self.format.text(value.type_name().as_bytes()),
            // Addresses differ from run to run in Go, so a constant serves.
            (Value::Bytes(_) | Value::List(_) | Value::Map(_), 'p') => self.pointer(),
            (_, 'p') => self.bad_verb(value, verb),
            _ => self.value(value, verb),
        }
    }

    fn pointer(&mut self) -> Result<(), CallFault> {
        let sharp = std::mem::replace(&mut self.format.flags.sharp, true);
        let printed = self.format.integer(0xc0_0000_0000, false, 16, 'v', false);
        self.format.flags.sharp = sharp;
        printed
    }

    fn bad_verb(&mut self, value: &Value, verb: char) -> Result<(), CallFault> {
        let erring = std::mem::replace(&mut self.erring, true);
        self.complain(verb, "(")?;
        self.format.into.extend(value.type_name())?;
        if !matches!(value, Value::Nil) {
            self.format.into.push(b'=')?;
            self.value(value, 'v')?;
        }
        self.erring = erring;
        self.format.into.push(b')')
    }

    fn value(&mut self, value: &Value, verb: char) -> Result<(), CallFault> {
        match value {
            Value::List(_) | Value::Map(_) | Value::Object(_) if verb == 'w' => self.bad_verb(value, verb),
            Value::Nil => self.format.pad(b"<nil>"),
            Value::Bool(true) if matches!(verb, 't' | 'v') => self.format.pad(b"true"),
            Value::Bool(false) if matches!(verb, 't' | 'v') => self.format.pad(b"false"),
            Value::Bool(_) => self.bad_verb(value, verb),
            Value::Int(number) | Value::Int64(number) => self.integer(value, *number as u64, true, verb),
            Value::Uint8(number) => self.integer(value, u64::from(*number), false, verb),
            Value::Uint64(number) => self.integer(value, *number, false, verb),
            Value::Float(number) if is_float_verb(verb) => self.format.float(*number, verb),
            Value::Float(_) => self.bad_verb(value, verb),
            Value::Complex(real, imaginary) if is_float_verb(verb) => {
                self.format.into.push(b'(')?;
                self.format.float(*real, verb)?;
                let plus = std::mem::replace(&mut self.format.flags.plus, true);
                self.format.float(*imaginary, verb)?;
                self.format.flags.plus = plus;
                self.format.into.extend("i)")
            }
            Value::Complex(..) => self.bad_verb(value, verb),
            Value::Text(text) => self.text(value, text, verb),
            Value::Bytes(bytes) => self.bytes(bytes, verb),
            Value::List(list) if self.format.flags.sharp_v && list.is_nil() => {
                self.format.into.extend(list.type_name())?;
                self.format.into.extend("(nil)")
            }
            Value::List(list) => self.nested(|printer| {
                printer.open(list.type_name(), b"[", b"{")?;
                for (index, item) in list.items().iter().enumerate() {
                    printer.separate(index)?;
                    printer.element(item, list.element(), verb)?;
                }
                printer.close(b"]")
            }),
            Value::Map(map) => self.nested(|printer| {
                printer.open(map.type_name(), b"map[", b"{")?;
                for (index, (key, item)) in map.entries().iter().enumerate() {
                    printer.separate(index)?;
                    printer.text(&Value::Text(key.clone()), key, verb)?;
                    printer.format.into.push(b':')?;
                    printer.element(item, map.element(), verb)?;
                }
                printer.close(b"]")
            }),
            Value::Object(object) => self.object(object.as_ref(), verb),
        }
    }

    fn object(&mut self, object: &dyn Object, verb: char) -> Result<(), CallFault> {
        let wants_text =
            !self.erring && !self.format.flags.sharp_v && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q');
        if let Some(text) = object.text().filter(|_| wants_text) {
            return self.text(&Value::Text(text.clone()), &text, verb);
        }
        self.nested(|printer| {
            let flags = printer.format.flags;
            printer.open(object.type_name(), b"{", b"{")?;
            for (index, (name, field)) in object.fields().iter().enumerate() {
                printer.separate(index)?;
                if flags.plus_v || flags.sharp_v {
                    printer.format.into.extend(name)?;
                    printer.format.into.push(b':')?;
                }
                printer.value(field, verb)?;
            }
            printer.format.into.push(b'}')
        })
    }

    fn nested(&mut self, print: impl FnOnce(&mut Self) -> Result<(), CallFault>) -> Result<(), CallFault> {
        if self.nesting == MAX_NESTING {
            return Err(CallFault::Exceeded(Limit::Nesting));
        }
        self.nesting += 1;
        print(self)?;
        self.nesting -= 1;
        Ok(())
    }

    fn open(&mut self, type_name: &str, plain: &[u8], sharp: &[u8]) -> Result<(), CallFault> {
        if !self.format.flags.sharp_v {
            return self.format.into.extend(plain);
        }
        self.format.into.extend(type_name)?;
        self.format.into.extend(sharp)
    }

    fn separate(&mut self, index: usize) -> Result<(), CallFault> {
        match index {
            0 => Ok(()),
            _ if self.format.flags.sharp_v => self.format.into.extend(", "),
            _ => self.format.into.push(b' '),
        }
    }

    fn close(&mut self, plain: &[u8]) -> Result<(), CallFault> {
        self.format
            .into
            .extend(if self.format.flags.sharp_v { b"}" } else { plain })
    }

    /// An element of a container; a nil interface prints without padding, whatever the verb.
    fn element(&mut self, value: &Value, element: Element, verb: char) -> Result<(), CallFault> {
        match value {
            Value::Nil if self.format.flags.sharp_v && element == Element::Any => {
                self.format.into.extend("interface {}(nil)")
            }
            Value::Nil => self.format.into.extend("<nil>"),
            value => self.value(value, verb),
        }
    }

    fn integer(&mut self, value: &Value, bits: u64, signed: bool, verb: char) -> Result<(), CallFault> {
        match verb {
            'v' if self.format.flags.sharp_v && !signed => self.hexadecimal(bits),
            'v' | 'd' => self.format.integer(bits, signed, 10, verb, false),
            'b' => self.format.integer(bits, signed, 2, verb, false),
            'o' | 'O' => self.format.integer(bits, signed, 8, verb, false),
            'x' => self.format.integer(bits, signed, 16, verb, false),
            'X' => self.format.integer(bits, signed, 16, verb, true),
            'c' => self.format.character(bits),
            'q' => self.format.quoted_character(bits),
            'U' => self.format.code_point(bits),
            _ => self.bad_verb(value, verb),
        }
    }

    fn hexadecimal(&mut self, bits: u64) -> Result<(), CallFault> {
        let sharp = std::mem::replace(&mut self.format.flags.sharp, true);
        let printed = self.format.integer(bits, false, 16, 'v', false);
        self.format.flags.sharp = sharp;
        printed
    }

    fn text(&mut self, value: &Value, text: &[u8], verb: char) -> Result<(), CallFault> {
        match verb {
            'v' if self.format.flags.sharp_v => self.format.quoted(text),
            'v' | 's' => self.format.text(text),
            'x' => self.format.hexadecimal_text(text, false),
            'X' => self.format.hexadecimal_text(text, true),
            'q' => self.format.quoted(text),
            _ => self.bad_verb(value, verb),
        }
    }

    fn bytes(&mut self, bytes: &[u8], verb: char) -> Result<(), CallFault> {
        match verb {
            's' => return self.format.text(bytes),
            'x' => return self.format.hexadecimal_text(bytes, false),
            'X' => return self.format.hexadecimal_text(bytes, true),
            'q' => return self.format.quoted(bytes),
            _ => {}
        }
        let name = if matches!(verb, 'v' | 'd') && self.nesting == 0 {
            "[]byte"
        } else {
            "[]uint8"
        };
        self.open(name, b"[", b"{")?;
        for (index, byte) in bytes.iter().enumerate() {
            self.separate(index)?;
            self.value(&Value::Uint8(*byte), verb)?;
        }
        self.close(b"]")
    }
}

fn is_float_verb(verb: char) -> bool {
    matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E')
}
