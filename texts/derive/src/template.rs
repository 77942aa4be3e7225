//! Format texts: which values they speak of.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::ParseStream;
use syn::{Ident, LitStr, Token};

/// A format text that names all its values: `{0}` has become `{_0}`.
pub(crate) struct Template {
    pub literal: LitStr,
    names: Vec<String>,
}

/// A value given by name.
pub(crate) struct Argument {
    pub name: Ident,
    pub value: TokenStream,
}

impl Template {
    pub fn read(literal: &LitStr) -> syn::Result<Template> {
        let (text, mut names, mut named) = (literal.value(), Vec::new(), String::new());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            named.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or(from.strip_prefix("}}")) {
                named.push_str(&from[..2]);
                rest = after;
                continue;
            }
            let end = from.find('}').filter(|_| from.starts_with('{'));
            let end = end.ok_or_else(|| syn::Error::new(literal.span(), "a brace is not closed, or not opened"))?;
            let (name, format) = from[1..end]
                .split_once(':')
                .map_or((&from[1..end], ""), |(name, _)| (name, &from[1 + name.len()..end]));
            if name.is_empty() {
                return Err(syn::Error::new(literal.span(), "name the value: {name}, or {0} for a field of a tuple"));
            }
            let name =
                if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name.to_owned() };
            named.push_str(&format!("{{{name}{format}}}"));
            names.push(name);
            rest = &from[end + 1..];
        }
        named.push_str(rest);
        names.sort_unstable();
        names.dedup();
        Ok(Template { literal: LitStr::new(&named, literal.span()), names })
    }

    /// The values it speaks of.
    pub fn names(&self) -> Vec<Ident> {
        self.names.iter().map(|name| Ident::new(name, self.literal.span())).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Refuses a text in another language that says more or less.
    pub fn speaks_of_the_same(&self, other: &Template) -> syn::Result<()> {
        match self.names.iter().chain(&other.names).find(|name| !(self.has(name) && other.has(name))) {
            Some(name) => {
                let message = format!("only one of the two languages speaks of `{}`", name.trim_start_matches('_'));
                Err(syn::Error::new(other.literal.span(), message))
            }
            None => Ok(()),
        }
    }
}

/// `, name = expression` and so on, to the end.
pub(crate) fn arguments(input: ParseStream<'_>) -> syn::Result<Vec<Argument>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        input.parse::<Token![,]>()?;
        if input.is_empty() {
            break;
        }
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        found.push(Argument { name, value: up_to_a_comma(input)? });
    }
    Ok(found)
}

/// An expression as it stands: what it means is the compiler's matter.
fn up_to_a_comma(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut value = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        value.extend([input.parse::<TokenTree>()?]);
    }
    Ok(value)
}

/// The name by which the fields of a tuple are bound.
pub(crate) fn of_tuple(index: usize, span: Span) -> Ident {
    Ident::new(&format!("_{index}"), span)
}
