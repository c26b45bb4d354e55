//! Tests of the parser.
//!
//! Structure is compared as fully parenthesised text, errors by text and column.

use super::super::ast::{ExprKind, Index, Program, Span, Target};
use super::{SyntaxError, column, names, parse, point};

pub(super) fn show(source: &str) -> String {
    let text = |program: Program| {
        let values = program.statements.iter();
        values.map(|s| s.value.to_string()).collect::<Vec<_>>()
    };
    match parse(source) {
        Ok(program) => text(program).join("; "),
        Err(error) => format!("error: {}", error.message),
    }
}

pub(super) fn failure(source: &str) -> SyntaxError {
    parse(source).expect_err(source)
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        assert_eq!(show(source), *expected, "{source}");
        assert_eq!(show(expected), *expected, "canonical form of {source}");
    }
}

#[track_caller]
fn check_errors(cases: &[(&str, usize, &str)]) {
    for (source, at, message) in cases {
        let error = failure(source);
        assert_eq!(error.message, *message, "{source}");
        assert_eq!(column(source, error.span.start), *at, "{source}");
    }
}

#[test]
fn binary_operators_bind_as_in_python() {
    check(&[
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b // c % d @ e * f", "(((((a / b) // c) % d) @ e) * f)"),
        ("a | b ^ c & d << e + f * g", "(a | (b ^ (c & (d << (e + (f * g))))))"),
        ("a * b + c >> d & e ^ f | g", "((((((a * b) + c) >> d) & e) ^ f) | g)"),
        ("a << b >> c", "((a << b) >> c)"),
        ("(a + b) * c", "((a + b) * c)"),
        ("a & b == c", "((a & b) == c)"),
        ("a.b + c[0] ** d(1)", "(a.b + (c[0] ** d(1)))"),
    ]);
}

#[test]
fn powers_and_signs_bind_as_in_python() {
    check(&[
        ("a ** b ** c", "(a ** (b ** c))"),
        ("-a ** b", "(-(a ** b))"),
        ("2 ** -1", "(2 ** (-1))"),
        ("2 ** -a ** b", "(2 ** (-(a ** b)))"),
        ("2 ** -a * b", "((2 ** (-a)) * b)"),
        ("-a * b", "((-a) * b)"),
        ("a * -b + c", "((a * (-b)) + c)"),
        ("~a & -+b", "((~a) & (-(+b)))"),
        ("-a.T[0]", "(-a.T[0])"),
        ("(-a) ** 2", "((-a) ** 2)"),
    ]);
}

#[test]
fn logic_and_comparison_bind_as_in_python() {
    check(&[
        ("a or b and not c", "(a or (b and (not c)))"),
        ("a and b and c or d", "((a and b and c) or d)"),
        ("not a == b", "(not (a == b))"),
        ("not not a", "(not (not a))"),
        ("a < b <= c != d", "(a < b <= c != d)"),
        ("(a < b) < c", "((a < b) < c)"),
        ("a < (b < c)", "(a < (b < c))"),
        ("a | b < c | d", "((a | b) < (c | d))"),
        ("a not in b is not None", "(a not in b is not None)"),
        ("a is not b in c", "(a is not b in c)"),
        ("a if b else c if d else e", "(a if b else (c if d else e))"),
        ("a or b if c or d else e or f", "((a or b) if (c or d) else (e or f))"),
        ("(a if b else c) + 1", "((a if b else c) + 1)"),
        ("(a and b) and c", "((a and b) and c)"),
    ]);
}

#[test]
fn calls_attributes_and_subscripts() {
    check(&[
        ("f()", "f()"),
        ("np.sum(a, axis = 0,)", "np.sum(a, axis=0)"),
        ("a.reshape(2, -1).T.sum(axis=(0, 1), keepdims=True)", "a.reshape(2, (-1)).T.sum(axis=(0, 1), keepdims=True)"),
        ("f(a)(b)[c].d", "f(a)(b)[c].d"),
        ("a[1]", "a[1]"),
        ("a[1,]", "a[1,]"),
        ("a[()]", "a[()]"),
        ("a[(1, 2)]", "a[1, 2]"),
        ("a[[1, 2], :]", "a[[1, 2], :]"),
        ("a[..., None, ::2, 1:, :-1, 1:2:3]", "a[..., None, ::2, 1:, :(-1), 1:2:3]"),
        ("a[::]", "a[:]"),
        ("a[a > 0]", "a[(a > 0)]"),
        ("a[i if c else j:k]", "a[(i if c else j):k]"),
        ("f(a[::-1], b=c == d)", "f(a[::(-1)], b=(c == d))"),
        ("(1).real + 1..imag", "((1).real + 1.0.imag)"),
        ("f(\n  a, # first\n  b\n)", "f(a, b)"),
    ]);
}

#[test]
fn subscripts_know_whether_they_are_tuples() {
    for (source, items, is_tuple) in [
        ("a[1]", 1, false),
        ("a[1,]", 1, true),
        ("a[1:2]", 1, false),
        ("a[:, 0]", 2, true),
        ("a[()]", 0, true),
        ("a[(1, 2)]", 2, true),
    ] {
        let program = parse(source).unwrap();
        let ExprKind::Subscript { index, tuple, .. } = &program.statements[0].value.kind else {
            panic!("{source}");
        };
        assert_eq!((index.len(), *tuple), (items, is_tuple), "{source}");
        let slice = index.iter().any(|item| matches!(item, Index::Slice { .. }));
        assert_eq!(slice, source.contains(':'), "{source}");
    }
}

#[test]
fn displays_and_constants() {
    check(&[
        ("()", "()"),
        ("(1,)", "(1,)"),
        ("1,", "(1,)"),
        ("a, b", "(a, b)"),
        ("(a, b,)", "(a, b)"),
        ("[]", "[]"),
        ("[[1, 2.5], [True, None],]", "[[1, 2.5], [True, None]]"),
        ("...", "..."),
        ("((a))", "a"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("1_000", "1000"),
        ("0xFf + 0o17 + 0b1_01 + 0x_f", "(((255 + 15) + 5) + 15)"),
        ("00", "0"),
        ("1. + .5 + 1e-12 + 1E3", "(((1.0 + 0.5) + 1e-12) + 1000.0)"),
        ("1j + 2.5J + 1e3j + 010j", "(((1.0j + 2.5j) + 1000.0j) + 10.0j)"),
        ("010.5", "10.5"),
        ("1_0.0_1e1_0", "100100000000.0"),
        ("1e999", "1e999"),
        ("170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    ]);
    let large = "integer does not fit in 128 bits";
    check_errors(&[
        ("a + 170141183460469231731687303715884105728", 5, large),
        ("0xffffffffffffffffffffffffffffffff", 1, large),
        ("1__0", 1, "invalid number `1__0`"),
        ("1_", 1, "invalid number `1_`"),
        ("1._5", 1, "invalid number `1._5`"),
        ("a + 12abc", 5, "invalid number `12abc`"),
        ("0x", 1, "invalid number `0x`"),
        ("0b12", 1, "invalid number `0b12`"),
        ("1e", 1, "invalid number `1e`"),
        ("1.real", 1, "invalid number `1.real`"),
        ("012", 1, "a decimal integer may not start with `0` (octal is written `0o...`)"),
    ]);
}

#[test]
fn strings() {
    check(&[
        ("'a' \"b\"", "'ab'"),
        (r#""it's""#, r"'it\'s'"),
        (r"'\x41\101\u00e9\U0001F600\\\n'", r"'Aaé😀\\\n'".replace("Aa", "AA").as_str()),
        (r"'\0'", r"'\U00000000'"),
        ("'a\\\nb'", "'ab'"),
        ("f('#', \"\") # note", "f('#', '')"),
    ]);
    check_errors(&[
        ("f('abc", 3, "unterminated string"),
        ("'abc\n'", 1, "unterminated string"),
        ("'abc\\", 1, "unterminated string"),
        (r"'ab\q'", 4, r"unknown escape `\q`; a backslash is written `\\`"),
        (r"'\x4'", 2, "this escape needs 2 hex digits that name a character"),
        (r"'\ud800'", 2, "this escape needs 4 hex digits that name a character"),
        ("'''a'''", 1, "triple-quoted strings are not supported"),
        ("rb'a'", 1, "strings with the prefix `rb` are not supported"),
    ]);
}

#[test]
fn statements_and_targets() {
    let program = parse("m = a.mean(); q, r = divmod(a, m)\n\n# note\nm += 1;(a - m) \\\n * q, r;").unwrap();
    let targets: Vec<_> = program.statements.iter().map(|s| s.target.clone()).collect();
    let name = |text: &str, start| (text.to_owned(), Span { start, end: start + 1 });
    let (m, m_span) = name("m", 0);
    assert_eq!(targets[0], Some(Target::Name(m, m_span)));
    assert_eq!(targets[1], Some(Target::Tuple(vec![name("q", 14), name("r", 17)])));
    assert!(matches!(&targets[2], Some(Target::Name(m, _)) if m == "m"));
    assert_eq!(targets[3], None);
    assert_eq!(targets.len(), 4);
    assert_eq!(program.statements[0].span, Span { start: 0, end: 12 });
    assert_eq!(program.statements[2].value.to_string(), "(m + 1)");
    assert_eq!(program.statements[3].value.to_string(), "(((a - m) * q), r)");
    assert_eq!(show("a **= 2; b //= c, d"), "(a ** 2); (b // (c, d))");
    assert!(matches!(&parse("(a,) = b").unwrap().statements[0].target, Some(Target::Tuple(n)) if n.len() == 1));
    let program = parse("a[1:3, b] += 2").unwrap();
    let Some(Target::Item { name, subscript }) = &program.statements[0].target else { panic!("an item") };
    assert_eq!((name.as_str(), subscript.to_string().as_str()), ("a", "a[1:3, b]"));
    assert_eq!(program.statements[0].value.to_string(), "(a[1:3, b] + 2)");
}

#[test]
fn names_are_those_read_before_assignment() {
    let free = |source| names(&parse(source).unwrap()).into_iter().collect::<Vec<_>>();
    assert_eq!(free("np.sum(a, axis=k)[i:] + a.b"), ["a", "i", "k", "np"]);
    assert_eq!(free("a[i] = b; a"), ["a", "b", "i"]);
    assert_eq!(free("m = a; q, r = f(m); q + r + s"), ["a", "f", "s"]);
    assert_eq!(free("m = m + 1; m"), ["m"]);
    assert_eq!(free("m += 1"), ["m"]);
    assert_eq!(free("1 + 2"), [""; 0]);
}

#[test]
fn brackets_report_where_they_were_opened() {
    check_errors(&[
        ("sum(a", 6, "expected `)` to close the call opened at column 4"),
        ("sum(", 5, "expected `)` to close the call opened at column 4"),
        ("sum(a b)", 7, "expected `)` to close the call opened at column 4"),
        ("(a + b", 7, "expected `)` to close the parenthesis opened at column 1"),
        ("a[1", 4, "expected `]` to close the subscript opened at column 2"),
        ("a[1)", 4, "expected `]` to close the subscript opened at column 2"),
        ("[1, 2", 6, "expected `]` to close the list opened at column 1"),
        ("b\nf(a", 4, "expected `)` to close the call opened at line 2, column 2"),
        ("a)", 2, "unmatched `)`"),
        ("a[]", 3, "expected an index"),
    ]);
}

#[test]
fn missing_and_misplaced_expressions() {
    let expected = "expected an expression";
    let equals = "unexpected `=` here; did you mean `==`?";
    let assign = "only names and their items can be assigned to; did you mean `==`?";
    check_errors(&[
        ("", 1, expected),
        ("# nothing", 1, expected),
        ("a +", 4, expected),
        ("a +\nb", 4, expected),
        ("a + * b", 5, "unpacking with `*` is not supported"),
        ("f(*a)", 3, "unpacking with `*` is not supported"),
        ("(, )", 2, expected),
        ("f(a,,b)", 5, expected),
        ("m =", 4, expected),
        ("a if b", 7, "expected `else` after the condition"),
        ("a b", 3, "expected an operator, `;` or the end of the line"),
        ("a.1", 2, "expected an operator, `;` or the end of the line"),
        ("a.", 3, "expected an attribute name after `.`"),
        ("(a = 3)", 4, equals),
        ("a[b = 3]", 5, equals),
        ("f(a.b = 3)", 7, equals),
        ("a = b = c", 7, equals),
        ("a + b = c", 1, assign),
        ("a, b.c = d", 4, assign),
        ("() = d", 1, assign),
        ("a, b += d", 1, "`+=` assigns to a single name only"),
        ("f(a=1, b)", 8, "positional argument follows keyword argument"),
        ("f(a=1, b=2, a=3)", 13, "keyword argument `a` is repeated"),
        ("a + not b", 5, "`not` needs parentheses around it here"),
        ("a $ b", 3, "unexpected character `$`"),
        ("a \\ b", 3, "`\\` may only stand at the end of a line"),
        ("é + ü +", 8, expected),
    ]);
}

#[test]
fn unsupported_syntax_is_named() {
    check_errors(&[
        ("lambda x: x", 1, "`lambda` is not supported in expressions"),
        ("[x for x in y]", 4, "`for` is not supported in expressions"),
        ("import numpy", 1, "`import` is not supported in expressions"),
        ("def f(): a", 1, "`def` is not supported in expressions"),
        ("(a := 1)", 4, "`:=` is not supported in expressions"),
        ("a = yield", 5, "`yield` is not supported in expressions"),
        ("f({1, 2})", 5, "expected `:` and a value; sets are not supported"),
        ("!a", 1, "unexpected `!` here; did you mean `not` or `~`?"),
    ]);
}

#[test]
fn carets_stand_under_the_culprit() {
    assert_eq!(failure("a + ").render("a + "), "column 4: expected an expression\n  a + \n     ^");
    let source = "é = 1\nf(a, a=1, bcd)";
    let rendered = "line 2, column 11: positional argument follows keyword argument\n  \
                    f(a, a=1, bcd)\n            ^^^";
    assert_eq!(failure(source).render(source), rendered);
    let long = "a".repeat(500);
    let rendered = point(&long, Span { start: 300, end: 500 }, "long");
    assert_eq!(rendered.lines().map(str::len).max(), Some(122));
    assert!(point("é", Span { start: 1, end: 99 }, "m").ends_with("  é\n  ^"));
    assert!(point("", Span { start: 7, end: 3 }, "m").starts_with("column 1: m\n"));
}

#[test]
fn spans_take_in_parentheses() {
    let program = parse(" (a + b) * c").unwrap();
    let value = &program.statements[0].value;
    assert_eq!(value.span, Span { start: 1, end: 12 });
    let ExprKind::Binary { left, .. } = &value.kind else {
        panic!("{value}");
    };
    assert_eq!(left.span, Span { start: 1, end: 8 });
}
