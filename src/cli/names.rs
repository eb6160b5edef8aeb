//! Kinds, languages, formats and standards as arguments, by the names that they have everywhere.

use clap::ValueEnum;

use crate::document::{Kind, Locale, PdfStandard};
use crate::template::Format;

/// Makes a type of ours an argument: its values by their own names.
macro_rules! names {
    ($name:ident, $of:ty, $all:expr, $text:expr) => {
        #[derive(Clone, Copy)]
        pub(super) struct $name(pub(super) $of);

        impl ValueEnum for $name {
            fn value_variants<'a>() -> &'a [Self] {
                const ALL: &[$name] = &$all;
                ALL
            }

            fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
                let text: fn($of) -> &'static str = $text;
                Some(clap::builder::PossibleValue::new(text(self.0)))
            }
        }
    };
}

names!(
    KindName,
    Kind,
    [
        KindName(Kind::ALL[0]),
        KindName(Kind::ALL[1]),
        KindName(Kind::ALL[2]),
        KindName(Kind::ALL[3]),
        KindName(Kind::ALL[4]),
        KindName(Kind::ALL[5]),
        KindName(Kind::ALL[6])
    ],
    Kind::slug
);
names!(LocaleName, Locale, [LocaleName(Locale::Nb), LocaleName(Locale::Nn), LocaleName(Locale::En)], Locale::tag);
names!(
    FormatName,
    Format,
    [
        FormatName(Format::Pdf),
        FormatName(Format::Png),
        FormatName(Format::Svg),
        FormatName(Format::Html),
        FormatName(Format::Ics)
    ],
    Format::extension
);
names!(
    StandardName,
    PdfStandard,
    [
        StandardName(PdfStandard::A2aUa1),
        StandardName(PdfStandard::A2a),
        StandardName(PdfStandard::Ua1),
        StandardName(PdfStandard::A2b),
        StandardName(PdfStandard::Plain)
    ],
    PdfStandard::name
);
