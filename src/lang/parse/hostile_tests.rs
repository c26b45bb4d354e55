//! Tests that no input overflows the stack, panics or takes long.

use super::tests::{failure, show};
use super::{MAX_DEPTH, MAX_SOURCE, names, parse};

#[test]
fn hostile_input_is_refused_on_a_small_stack() {
    let many = 30_000;
    let hostile = [
        "(".repeat(many),
        "[".repeat(many),
        "a[".repeat(many),
        "f(".repeat(many),
        "f(a=".repeat(many),
        "-".repeat(many),
        "not ".repeat(many),
        "a**".repeat(many),
        "a if b else ".repeat(many),
        format!("a{}", "+a".repeat(many)),
        format!("a{}", ".a".repeat(many)),
        format!("a{}", "[0]".repeat(many)),
        format!("a{}", "()".repeat(many)),
        format!("{}a{}", "(".repeat(199), "+a+a)*a".repeat(199)),
    ];
    let work = move || {
        for source in hostile {
            let error = failure(&source);
            assert!(error.message.starts_with("too deeply nested"), "{error}");
        }
        for deep in [
            format!("a{}", "+a".repeat(MAX_DEPTH - 1)),
            format!("{}a{}", "f(".repeat(MAX_DEPTH - 1), ")".repeat(MAX_DEPTH - 1)),
        ] {
            let program = parse(&deep).unwrap();
            assert_eq!(program.statements[0].value.depth(), MAX_DEPTH);
            assert!(!program.statements[0].value.to_string().is_empty());
            assert!(names(&program).contains("a"));
        }
    };
    let thread = std::thread::Builder::new().stack_size(1280 * 1024);
    thread.spawn(work).unwrap().join().unwrap();
}

#[test]
fn long_but_flat_input_is_fine() {
    let list = format!("[{}]", "1+2j, ".repeat(50_000));
    assert_eq!(parse(&list).unwrap().statements[0].value.depth(), 3);
    let keywords: Vec<_> = (0..50_000).map(|i| format!("k{i}=1")).collect();
    assert!(parse(&format!("f({})", keywords.join(","))).is_ok());
    assert!(parse(&format!("a{}", " and a".repeat(50_000))).is_ok());
    assert_eq!(parse(&"a\n".repeat(50_000)).unwrap().statements.len(), 50_000);
    assert!(failure(&"a".repeat(MAX_SOURCE + 1)).message.contains("longer than"));
}

/// A small deterministic generator (xorshift), so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

#[test]
fn random_input_never_panics_and_trees_print_canonically() {
    const PIECES: [&str; 58] = [
        "a", "b", "é", "f(", "(", ")", "[", "]", "{", ",", ":", ";", "\n", " ", ".", "...", "=", "==", "<", "<=", "+",
        "-", "*", "**", "/", "//", "%", "@", "<<", "&", "|", "^", "~", "!", "not ", " in ", " is ", " and ", " or ",
        " if ", " else ", "1", "0x", "1.", ".5", "1e", "2j", "_", "None", "True", "'", "\"", "'s'", "\\", "#", "k=",
        "+=", "\u{0}",
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut parsed = 0;
    for _ in 0..60_000 {
        let length = 1 + random.below(9);
        let source: String = (0..length).map(|_| PIECES[random.below(PIECES.len())]).collect();
        match parse(&source) {
            Ok(program) => {
                parsed += 1;
                assert!(names(&program).len() <= source.len());
                for statement in &program.statements {
                    let text = statement.value.to_string();
                    assert_eq!(show(&text), text, "{source:?}");
                }
            }
            Err(error) => {
                assert!(error.span.start <= error.span.end && error.span.end <= source.len());
                assert!(error.render(&source).contains('^'));
            }
        }
    }
    assert!(parsed > 1000, "{parsed}");
}
