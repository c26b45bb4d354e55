//! The syntax tree of the expression language.
//!
//! A [`Program`] is a sequence of [`Statement`]s; each computes an [`Expr`] and
//! may bind it to a name. Every node carries the [`Span`] of source text it came
//! from, so that later stages can point at the culprit. The tree says nothing
//! about meaning: names, methods and operators are resolved by the evaluator.
//!
//! `Display` prints an expression fully parenthesised, in a canonical form that
//! parses back to the same tree (short of the parser's limit on nesting, which
//! the added parentheses use up faster).

use std::fmt::{self, Display, Formatter, Write};

/// A range of byte offsets into the source text; `end` is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset just past the last byte.
    pub end: usize,
}

/// A whole source text: statements in the order they run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Program {
    /// The statements; a parsed program has at least one.
    pub statements: Vec<Statement>,
}

/// One statement: `value` or `target = value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What the value is bound to, if anything.
    pub target: Option<Target>,
    /// The expression; `m += 1` arrives here as the binary `m + 1`.
    pub value: Expr,
    /// The statement, target included.
    pub span: Span,
}

/// The left side of an assignment.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// `name = ...`.
    Name(String, Span),
    /// `first, second = ...`, unpacking as many values as there are names.
    Tuple(Vec<(String, Span)>),
    /// `name[index] = ...`, a subscript of a plain name: the name stands for an array with other elements from there
    /// on.
    Item {
        /// The name.
        name: String,
        /// The subscript.
        subscript: Expr,
    },
}

/// An expression and where it stands in the source.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What the expression is.
    pub kind: ExprKind,
    /// Its source text, with any parentheses written around it.
    pub span: Span,
    /// Levels in this tree. Stored so that the parser can bound it in constant
    /// time per node, which keeps every recursion over the tree safe.
    depth: usize,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// An integer literal; the parser only makes non-negative ones.
    Int(i128),
    /// A float literal.
    Float(f64),
    /// An imaginary literal such as `1j`.
    Imaginary(f64),
    /// A string literal, escapes resolved and adjacent literals joined.
    Str(String),
    /// `True` or `False`.
    Bool(bool),
    /// `None`.
    None,
    /// `...`.
    Ellipsis,
    /// A plain name.
    Name(String),
    /// An arithmetic prefix operator and its operand.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// What it applies to.
        operand: Box<Expr>,
    },
    /// An arithmetic or bitwise operator between two operands.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `first < a <= b ...`: neighbours are compared pairwise, as in Python.
    Compare {
        /// The leftmost operand.
        first: Box<Expr>,
        /// Each operator with the operand on its right; never empty.
        rest: Vec<(CompareOp, Expr)>,
    },
    /// A run of one boolean operator: `a and b and c`.
    BoolOp {
        /// The operator.
        op: BoolOp,
        /// The operands, two or more.
        values: Vec<Expr>,
    },
    /// `not operand`.
    Not(Box<Expr>),
    /// `then if condition else otherwise`.
    IfElse {
        /// The value if the condition holds.
        then: Box<Expr>,
        /// The condition.
        condition: Box<Expr>,
        /// The value if it does not.
        otherwise: Box<Expr>,
    },
    /// `function(args)`; a method call has an [`ExprKind::Attribute`] as function.
    Call {
        /// What is called.
        function: Box<Expr>,
        /// Positional arguments, then keyword arguments with distinct names.
        args: Vec<Argument>,
    },
    /// `value.name`.
    Attribute {
        /// The object.
        value: Box<Expr>,
        /// The attribute's name.
        name: String,
        /// Where the name stands.
        name_span: Span,
    },
    /// `value[index]`.
    Subscript {
        /// What is indexed.
        value: Box<Expr>,
        /// The index items. `x[(a, b)]` reads as `x[a, b]`, and `x[()]` as none.
        index: Vec<Index>,
        /// Whether the index is a tuple: `x[a,]` but not `x[a]`.
        tuple: bool,
    },
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `(a, b)`, `(a,)`, `()`, or a bare `a, b` standing as a statement's value.
    Tuple(Vec<Expr>),
    /// `{key: value}`.
    Dict(Vec<(Expr, Expr)>),
}

/// An argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// The keyword and where it stands; `None` for a positional argument.
    pub name: Option<(String, Span)>,
    /// The value passed.
    pub value: Expr,
}

/// One item between the brackets of a subscript.
#[derive(Debug, Clone, PartialEq)]
pub enum Index {
    /// `start:stop:step`, each part optional.
    Slice {
        /// First position.
        start: Option<Box<Expr>>,
        /// Position to stop before.
        stop: Option<Box<Expr>>,
        /// Stride.
        step: Option<Box<Expr>>,
    },
    /// Any expression, including `...` and `None`.
    Expr(Expr),
}

/// Declares an operator enum with `symbol`, the text each operator is written as.
macro_rules! operators {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $symbol:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("`", $symbol, "`.")] $variant,)+
        }

        impl $name {
            /// The operator as written in source.
            #[must_use]
            pub fn symbol(self) -> &'static str {
                match self {
                    $(Self::$variant => $symbol,)+
                }
            }

            /// The operator written as `symbol`, if it is one of these.
            #[must_use]
            pub fn from_symbol(symbol: &str) -> Option<Self> {
                match symbol {
                    $($symbol => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

operators! {
    /// Arithmetic prefix operators.
    UnaryOp { Negative = "-", Positive = "+", Invert = "~", }
}

operators! {
    /// Arithmetic and bitwise operators between two operands.
    BinaryOp {
        Add = "+",
        Subtract = "-",
        Multiply = "*",
        MatMul = "@",
        Divide = "/",
        FloorDivide = "//",
        Remainder = "%",
        Power = "**",
        ShiftLeft = "<<",
        ShiftRight = ">>",
        BitAnd = "&",
        BitOr = "|",
        BitXor = "^",
    }
}

operators! {
    /// Comparison operators.
    CompareOp {
        Less = "<",
        LessEqual = "<=",
        Greater = ">",
        GreaterEqual = ">=",
        Equal = "==",
        NotEqual = "!=",
        In = "in",
        NotIn = "not in",
        Is = "is",
        IsNot = "is not",
    }
}

operators! {
    /// Short-circuiting boolean operators.
    BoolOp { And = "and", Or = "or", }
}

impl Expr {
    /// Wraps a form with its place in the source.
    #[must_use]
    pub fn new(kind: ExprKind, span: Span) -> Self {
        let mut deepest = 0;
        kind.for_each_child(&mut |child| deepest = deepest.max(child.depth));
        Self { kind, span, depth: deepest + 1 }
    }

    /// The number of levels in this tree as it was built; 1 for a leaf.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }
}

impl ExprKind {
    /// Calls `visit` on each direct sub-expression, in source order.
    pub fn for_each_child(&self, visit: &mut dyn FnMut(&Expr)) {
        match self {
            Self::Unary { operand, .. } | Self::Not(operand) => visit(operand),
            Self::Attribute { value, .. } => visit(value),
            Self::Binary { left, right, .. } => {
                visit(left);
                visit(right);
            }
            Self::IfElse { then, condition, otherwise } => {
                visit(then);
                visit(condition);
                visit(otherwise);
            }
            Self::Compare { first, rest } => {
                visit(first);
                for (_, operand) in rest {
                    visit(operand);
                }
            }
            Self::Call { function, args } => {
                visit(function);
                for argument in args {
                    visit(&argument.value);
                }
            }
            Self::Subscript { value, index, .. } => {
                visit(value);
                for item in index {
                    item.for_each_child(visit);
                }
            }
            Self::Dict(entries) => {
                for (key, value) in entries {
                    visit(key);
                    visit(value);
                }
            }
            Self::BoolOp { values, .. } | Self::List(values) | Self::Tuple(values) => {
                values.iter().for_each(visit);
            }
            _ => {}
        }
    }
}

impl Index {
    /// Calls `visit` on each expression in the item, in source order.
    pub fn for_each_child(&self, visit: &mut dyn FnMut(&Expr)) {
        match self {
            Self::Expr(expr) => visit(expr),
            Self::Slice { start, stop, step } => {
                for part in [start, stop, step].into_iter().flatten() {
                    visit(part);
                }
            }
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Int(value) => write!(f, "{value}"),
            ExprKind::Float(value) => write_float(f, *value),
            ExprKind::Imaginary(value) => write_float(f, *value).and_then(|()| f.write_char('j')),
            ExprKind::Str(text) => write_string(f, text),
            ExprKind::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            ExprKind::None => f.write_str("None"),
            ExprKind::Ellipsis => f.write_str("..."),
            ExprKind::Name(name) => f.write_str(name),
            ExprKind::List(items) => write!(f, "[{}]", Joined(items, ", ")),
            ExprKind::Tuple(items) if items.len() == 1 => write!(f, "({},)", Joined(items, "")),
            ExprKind::Tuple(items) => write!(f, "({})", Joined(items, ", ")),
            ExprKind::Dict(entries) => {
                let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                write!(f, "{{{}}}", entries.join(", "))
            }
            _ => self.write_compound(f),
        }
    }
}

impl Expr {
    /// Writes the forms that operate on other expressions.
    fn write_compound(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Unary { op, operand } => write!(f, "({}{operand})", op.symbol()),
            ExprKind::Not(operand) => write!(f, "(not {operand})"),
            ExprKind::Binary { op, left, right } => write!(f, "({left} {} {right})", op.symbol()),
            ExprKind::BoolOp { op, values } => {
                write!(f, "({})", Joined(values, &format!(" {} ", op.symbol())))
            }
            ExprKind::Compare { first, rest } => {
                write!(f, "({first}")?;
                for (op, operand) in rest {
                    write!(f, " {} {operand}", op.symbol())?;
                }
                f.write_char(')')
            }
            ExprKind::IfElse { then, condition, otherwise } => write!(f, "({then} if {condition} else {otherwise})"),
            ExprKind::Call { function, args } => write!(f, "{function}({})", Joined(args, ", ")),
            // `1.real` would read as the float `1.` and a stray name.
            ExprKind::Attribute { value, name, .. } => match value.kind {
                ExprKind::Int(_) => write!(f, "({value}).{name}"),
                _ => write!(f, "{value}.{name}"),
            },
            ExprKind::Subscript { value, index, tuple } => match (index.as_slice(), tuple) {
                ([], _) => write!(f, "{value}[()]"),
                ([only], true) => write!(f, "{value}[{only},]"),
                _ => write!(f, "{value}[{}]", Joined(index, ", ")),
            },
            _ => Ok(()),
        }
    }
}

impl Display for Argument {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = &self.name {
            write!(f, "{name}=")?;
        }
        write!(f, "{}", self.value)
    }
}

impl Display for Index {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (start, stop, stride) = match self {
            Self::Expr(expr) => return write!(f, "{expr}"),
            Self::Slice { start, stop, step } => (start, stop, step),
        };
        if let Some(start) = start {
            write!(f, "{start}")?;
        }
        f.write_char(':')?;
        if let Some(stop) = stop {
            write!(f, "{stop}")?;
        }
        match stride {
            Some(stride) => write!(f, ":{stride}"),
            None => Ok(()),
        }
    }
}

/// Items written one after another with a separator between them.
struct Joined<'a, T>(&'a [T], &'a str);

impl<T: Display> Display for Joined<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (position, item) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { self.1 };
            write!(f, "{separator}{item}")?;
        }
        Ok(())
    }
}

fn write_float(f: &mut Formatter<'_>, value: f64) -> fmt::Result {
    if value.is_infinite() {
        // Infinity has no literal of its own, but an overflowing one reads as it.
        f.write_str("1e999")
    } else {
        write!(f, "{value:?}")
    }
}

fn write_string(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('\'')?;
    for c in text.chars() {
        match c {
            '\'' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            c if c.is_control() => write!(f, "\\U{:08x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('\'')
}
