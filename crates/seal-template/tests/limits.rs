//! Hostile templates: whatever the source, rendering ends soon, within bounds, without a panic, and its
//! fault holds nothing of what it was given.

use jiff::Timestamp;
use proptest::prelude::*;
use seal_template::environment::{Random, UtcOnly};
use seal_template::fault::FaultKind;
use seal_template::limits::Limit;
use seal_template::value::{List, Map, Text};
use seal_template::{Budget, Env, Fault, Functions, Limits, Template, Value};

const CANARY: &str = "c4n4ry-plaintext";

struct NoRandom;

impl Random for NoRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

fn dot() -> Value {
    let canaries = List::new(vec![CANARY.into(), Value::Nil, Value::Int(3)]);
    let inner = Map::new([(Text::from(CANARY), CANARY.into())]);
    Map::new([
        ("text".into(), CANARY.into()),
        ("list".into(), canaries.into()),
        ("map".into(), inner.into()),
        ("bytes".into(), Value::Bytes(CANARY.into())),
    ])
    .into()
}

fn render(source: &str) -> Result<Vec<u8>, Fault> {
    let template = Template::parse("x", source, &Functions::builtin()).expect("the source is a template");
    render_parsed(&template)
}

fn render_parsed(template: &Template) -> Result<Vec<u8>, Fault> {
    let mut random = NoRandom;
    let mut env = Env {
        now: Timestamp::UNIX_EPOCH,
        zones: &UtcOnly,
        random: &mut random,
    };
    template
        .render(&dot(), &mut env, &Limits::default())
        .map(|bytes| bytes.to_vec())
}

#[track_caller]
fn exceeds(source: &str, limit: Limit) {
    let fault = render(source).expect_err("the limit is met");
    assert_eq!(fault.kind, FaultKind::Exceeded(limit), "{fault}");
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    exceeds("{{range 9223372036854775807}}{{end}}", Limit::Fuel);
    exceeds(
        "{{range 100000}}{{range 100000}}{{$x := .}}{{end}}{{end}}",
        Limit::Fuel,
    );
}

#[test]
fn templates_that_share_a_budget_end_with_it_and_one_that_fails_pays_too() {
    let template = |source| Template::parse("x", source, &Functions::builtin()).unwrap();
    let mut budget = Budget {
        fuel: 1_000,
        output: 10,
    };
    let mut within = |source| {
        let mut env = Env {
            now: Timestamp::UNIX_EPOCH,
            zones: &UtcOnly,
            random: &mut NoRandom,
        };
        template(source)
            .render_within(&dot(), &mut env, &Limits::default(), &mut budget)
            .map_err(|fault| fault.kind)
            .map(|bytes| bytes.len())
    };
    assert_eq!(within("sevenxx"), Ok(7));
    assert_eq!(within("four"), Err(FaultKind::Exceeded(Limit::Output)));
    assert_eq!(within("abc"), Ok(3));
    assert_eq!(within("{{range 100}}{{end}}"), Ok(0));
    assert!(within("{{range 300}}{{end}}{{.text.nothing}}").is_err());
    assert_eq!(
        within("{{range 700}}{{end}}"),
        Err(FaultKind::Exceeded(Limit::Fuel))
    );
    assert_eq!(
        within("{{range 1}}{{end}}"),
        Err(FaultKind::Exceeded(Limit::Fuel))
    );
}

#[test]
fn a_pattern_of_many_unicode_properties_is_paid_for_before_it_is_read() {
    let functions = Functions::builtin().with(seal_template::sprig::FUNCTIONS);
    let kind = |source| {
        let template = Template::parse("x", source, &functions).unwrap();
        render_parsed(&template).map_err(|fault| fault.kind)
    };
    assert_eq!(
        kind("{{ regexMatch (repeat 500 `\\pC`) `x` }}"),
        Err(FaultKind::Exceeded(Limit::Fuel))
    );
    assert_eq!(
        kind("{{ regexMatch `^\\p{Greek}+$` `λόγος` }}"),
        Ok(b"true".to_vec())
    );
}

#[test]
fn doubling_a_text_meets_the_ceiling_of_a_single_value() {
    exceeds(
        "{{$x := .text}}{{range 64}}{{$x = print $x $x}}{{end}}",
        Limit::Intermediate,
    );
    exceeds(
        "{{printf \"%999999d%999999d%999999d%999999d%999999d\" 1 2 3 4 5}}",
        Limit::Intermediate,
    );
    exceeds(
        "{{range 1000}}{{$x := printf \"%.1000000f\" 1.5}}{{end}}",
        Limit::Fuel,
    );
}

#[test]
fn much_output_meets_the_ceiling_of_the_output() {
    exceeds(
        "{{$x := printf \"%1000000d\" 1}}{{range 1000}}{{$x}}{{end}}",
        Limit::Output,
    );
}

#[test]
fn comparing_large_texts_over_and_over_is_paid_for() {
    let source = "{{$x := printf \"%1000000d\" 1}}{{$y := printf \"%1000000d\" 1}}{{range 1000000}}{{$z := eq $x $y}}{{end}}";
    exceeds(source, Limit::Fuel);
}

#[test]
fn templates_calling_themselves_stop_at_the_depth_limit() {
    exceeds(
        "{{define \"a\"}}{{template \"a\" .}}{{end}}{{template \"a\" .}}",
        Limit::Depth,
    );
    exceeds(
        "{{if 1}}{{with 1}}{{range 1}}{{template \"x\"}}{{end}}{{end}}{{end}}",
        Limit::Depth,
    );
    let fault = render("{{template \"x\"}}").unwrap_err();
    assert_eq!(
        fault.to_string(),
        r#"template: x:1:11: executing "x" at <{{template "x"}}>: exceeded maximum template depth"#
    );
}

#[test]
fn nesting_in_the_source_is_refused_long_before_the_stack_ends() {
    let parse = |source: String| {
        Template::parse("x", &source, &Functions::builtin())
            .err()
            .map(|fault| fault.message)
    };
    let deep = "max expression depth exceeded";
    assert_eq!(
        parse(format!("{{{{{}", "(".repeat(100_000))).as_deref(),
        Some(deep)
    );
    assert_eq!(parse("{{if 1}}".repeat(100_000)).as_deref(), Some(deep));
    assert_eq!(
        parse(format!("{{{{if 1}}}}{}", "{{else if 1}}".repeat(100_000))).as_deref(),
        Some(deep)
    );
    assert_eq!(parse("{{block \"a\" .}}".repeat(100_000)).as_deref(), Some(deep));
    assert_eq!(
        parse("{{$x := 1}}".repeat(100_000)).as_deref(),
        Some("too many variables")
    );
    let within = format!("{{{{{}1{}}}}}", "(".repeat(199), ")".repeat(199));
    assert_eq!(render(&within).unwrap(), b"1");
    let blocks = format!("{}x{}", "{{if 1}}".repeat(199), "{{end}}".repeat(199));
    assert_eq!(render(&blocks).unwrap(), b"x");
}

#[test]
fn no_fault_repeats_a_value_or_a_key_that_came_from_the_data() {
    let sources = [
        "{{.text.x}}",
        "{{index .list .text}}",
        "{{index .map .text .text}}",
        "{{len (index .list 2)}}",
        "{{range .text}}{{end}}",
        "{{eq .text .list}}",
        "{{eq .list .list}}",
        "{{eq .map .map}}",
        "{{lt .text 1}}",
        "{{slice .text 99}}",
        "{{slice .text 9 1}}",
        "{{slice .map .text}}",
        "{{call .text .text}}",
        "{{call .list}}",
        "{{printf .list .text}}",
        "{{.text | .text}}",
        "{{.text.x .text}}",
        "{{index .text .text}}",
        "{{$x := .text}}{{$x .text}}",
        "{{index .bytes .text}}",
        "{{range $k, $v := .map}}{{$k.x}}{{end}}",
        "{{range $k, $v := .map}}{{index $v $k}}{{end}}",
        "{{range $k, $v := .map}}{{template $k}}{{end}}",
        "{{.map.x.y}}{{.list.x}}",
        "{{not .text .text}}",
        "{{(print .text).x}}",
        "{{eq .bytes .bytes}}",
    ];
    for source in sources {
        let said = match Template::parse("x", source, &Functions::builtin()) {
            Ok(template) => render_parsed(&template).unwrap_err().to_string(),
            Err(fault) => fault.to_string(),
        };
        assert!(!said.contains("c4n4ry"), "{source}: {said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_text_neither_panics_nor_runs_away(source in "\\PC{0,80}") {
        let _ = Template::parse("x", &source, &Functions::builtin()).map(|template| render_parsed(&template));
    }

    #[test]
    fn arbitrary_actions_neither_panic_nor_tell(parts in proptest::collection::vec(0..PARTS.len(), 0..24)) {
        let source: String = parts.iter().map(|part| PARTS[*part]).collect();
        if let Ok(template) = Template::parse("x", &source, &Functions::builtin())
            && let Err(fault) = render_parsed(&template)
        {
            prop_assert!(!fault.to_string().contains("c4n4ry"), "{}", fault);
        }
    }

    #[test]
    fn arbitrary_formats_neither_panic_nor_run_away(format in "[%#+\\- 0-9.*\\[\\]a-zA-Zé]{0,24}", quoted in ".{0,8}") {
        let source = format!("{{{{printf {format:?} .list .text 1 2.5 .map {quoted:?} nil true}}}}");
        let _ = Template::parse("x", &source, &Functions::builtin()).map(|template| render_parsed(&template));
    }
}

const PARTS: [&str; 60] = [
    "é",
    "\n",
    "$é",
    ".世",
    "{{",
    "}}",
    "{{- ",
    " -}}",
    " ",
    " ",
    "|",
    "(",
    ")",
    ".",
    ".text",
    ".list",
    ".map",
    ".bytes",
    "$",
    "$x",
    " := ",
    " = ",
    ",",
    "if ",
    "range ",
    "with ",
    "else",
    "end",
    "{{end}}",
    "{{else}}",
    "define \"a\"",
    "template \"a\" ",
    "block \"b\" ",
    "break",
    "{{continue}}",
    "print ",
    "printf \"%v %d %q\" ",
    "index ",
    "slice ",
    "len ",
    "eq ",
    "lt ",
    "and ",
    "or ",
    "not ",
    "html ",
    "js ",
    "1",
    "0x1p-2",
    "'a'",
    "\"q\"",
    "`r`",
    "nil",
    "true",
    "-1",
    "2i",
    "{{range $x, $y := .list}}",
    "{{with .map}}",
    "{{if .text}}",
    "/* c */",
];
