//! What RE2 means by a pattern, said in the words of the `regex` crate: its Perl classes and word borders are ASCII, all
//! else is about characters in both.

use regex_syntax::ast::{
    Assertion, AssertionKind, Ast, ClassAscii, ClassAsciiKind, ClassBracketed, ClassPerl,
    ClassPerlKind, ClassSet, ClassSetItem, Flag, Flags, FlagsItem, FlagsItemKind, Group, GroupKind,
    Span,
};

/// Changes the pattern so that it means the same as in RE2.
pub(super) fn adopt(ast: &mut Ast) {
    match ast {
        Ast::ClassPerl(class) => *ast = bracketed(class),
        Ast::ClassBracketed(class) => set(&mut class.kind),
        Ast::Assertion(assertion) if is_word(&assertion.kind) => *ast = in_ascii(assertion),
        Ast::Repetition(repetition) => adopt(&mut repetition.ast),
        Ast::Group(group) => adopt(&mut group.ast),
        Ast::Alternation(list) => list.asts.iter_mut().for_each(adopt),
        Ast::Concat(list) => list.asts.iter_mut().for_each(adopt),
        Ast::Empty(_)
        | Ast::Flags(_)
        | Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_) => {}
    }
}

fn is_word(kind: &AssertionKind) -> bool {
    matches!(
        kind,
        AssertionKind::WordBoundary | AssertionKind::NotWordBoundary
    )
}

fn set(kind: &mut ClassSet) {
    match kind {
        ClassSet::Item(found) => item(found),
        ClassSet::BinaryOp(operation) => {
            set(&mut operation.lhs);
            set(&mut operation.rhs);
        }
    }
}

fn item(found: &mut ClassSetItem) {
    match found {
        ClassSetItem::Perl(class) => *found = ascii(class),
        ClassSetItem::Bracketed(class) => set(&mut class.kind),
        ClassSetItem::Union(union) => union.items.iter_mut().for_each(item),
        _ => {}
    }
}

fn ascii(class: &ClassPerl) -> ClassSetItem {
    let kind = match class.kind {
        ClassPerlKind::Digit => ClassAsciiKind::Digit,
        ClassPerlKind::Space => ClassAsciiKind::Space,
        ClassPerlKind::Word => ClassAsciiKind::Word,
    };
    ClassSetItem::Ascii(ClassAscii {
        span: class.span,
        kind,
        negated: class.negated,
    })
}

/// `\w` as `[[:word:]]`: a class can be named in ASCII only inside of brackets.
fn bracketed(class: &ClassPerl) -> Ast {
    Ast::class_bracketed(ClassBracketed {
        span: class.span,
        negated: false,
        kind: ClassSet::Item(ascii(class)),
    })
}

/// `\b` as `(?-u:\b)`.
fn in_ascii(assertion: &Assertion) -> Ast {
    let Span { start, .. } = assertion.span;
    let span = Span::splat(start);
    let sign = |kind| FlagsItem { span, kind };
    let items = vec![
        sign(FlagsItemKind::Negation),
        sign(FlagsItemKind::Flag(Flag::Unicode)),
    ];
    Ast::group(Group {
        span,
        kind: GroupKind::NonCapturing(Flags { span, items }),
        ast: Box::new(Ast::assertion(assertion.clone())),
    })
}
