//! Rules of the members that all kinds have.

use serde_json::Value;

use super::Rules;
use crate::document::{Kind, LogoType};
use crate::validate::finding::{Code, Finding};
use crate::validate::logo;
use crate::validate::node::Node;

impl Rules<'_> {
    pub(super) fn common(&mut self, kind: Kind) {
        let named = self.get("kind");
        if named.text().is_some_and(|name| name != kind.name() && Kind::ALL.iter().any(|other| other.name() == name)) {
            self.violation(Finding::new(named.pointer(), Code::WrongKind).with("kind", kind.name()));
        }
        self.require_filled_in(&self.get("school"));
        self.require_filled_in(&self.get("document_date"));
        let has_school_year = !matches!(kind, Kind::ParentLetter | Kind::HomeSchoolGuide | Kind::ConsentForm);
        if has_school_year {
            self.require_filled_in(&self.get("school_year"));
        }
        self.school();
        for name in ["our", "yours"] {
            self.reference(&self.get("reference").get(name));
        }
        if let Some(margin) = self.get("render_options").get("margin_left_mm").number()
            && (18.0..20.0).contains(&margin)
        {
            self.warning(Finding::new("/render_options/margin_left_mm", Code::NarrowMargin));
        }
    }

    fn school(&mut self) {
        let school = self.get("school");
        self.address(&school.get("address"));
        let color = school.get("accent_color");
        if let Some(contrast) = color.text().and_then(contrast_with_white)
            && contrast < 4.5
        {
            // Rounded down: 4.49 must not read as the 4.5 that it is not.
            let shown = format!("{:.2}", (contrast * 100.0).floor() / 100.0);
            self.violation(Finding::new(color.pointer(), Code::LowContrast).with("contrast", shown));
        }
        let logo_node = school.get("logo");
        let media_type = logo_node
            .get("media_type")
            .text()
            .and_then(|name| serde_json::from_value::<LogoType>(Value::from(name)).ok());
        let data = logo_node.get("data");
        if let (Some(media_type), Some(text)) = (media_type, data.text())
            && let Err(code) = logo::check(media_type, text)
        {
            self.violation(Finding::new(data.pointer(), code));
        }
    }

    /// A postcode has four digits where no country is named.
    pub(super) fn address(&mut self, node: &Node<'_>) {
        let postcode = node.get("postcode");
        let norwegian = match node.get("country").text() {
            None => true,
            Some(country) => ["norge", "noreg", "norway", "no"].contains(&country.to_lowercase().as_str()),
        };
        let four_digits = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
        if norwegian && postcode.text().is_some_and(|text| !four_digits(text)) {
            self.violation(Finding::new(postcode.pointer(), Code::BadPostcode));
        }
    }

    /// Case numbers are mostly `26/1234` or `2026/1234-5`.
    fn reference(&mut self, node: &Node<'_>) {
        let usual = |text: &str| {
            let (year, rest) = text.split_once('/')?;
            let (number, part) = rest.split_once('-').unwrap_or((rest, "0"));
            let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
                lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
            };
            (digits(year, 2..=4) && digits(number, 1..=7) && digits(part, 1..=9)).then_some(())
        };
        if node.text().is_some_and(|text| usual(text).is_none()) {
            self.warning(Finding::new(node.pointer(), Code::UnusualReference));
        }
    }
}

/// Contrast of a colour `#RRGGBB` with white, 1 to 21 (WCAG 2.1, «contrast ratio»).
fn contrast_with_white(color: &str) -> Option<f64> {
    let digits = color.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let channel = |range: std::ops::Range<usize>| -> Option<f64> {
        let value = f64::from(u8::from_str_radix(digits.get(range)?, 16).ok()?) / 255.0;
        Some(if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) })
    };
    let luminance = 0.2126 * channel(0..2)? + 0.7152 * channel(2..4)? + 0.0722 * channel(4..6)?;
    Some(1.05 / (luminance + 0.05))
}

#[cfg(test)]
mod tests {
    use super::contrast_with_white;

    #[test]
    fn contrast_is_that_of_wcag() {
        let cases = [("#000000", 21.0), ("#ffffff", 1.0), ("#767676", 4.54), ("#777777", 4.48), ("#FF0000", 4.0)];
        for (color, expected) in cases {
            let contrast = contrast_with_white(color).expect(color);
            assert!((contrast - expected).abs() < 0.01, "{color}: {contrast}");
        }
        assert_eq!(contrast_with_white("#ååå"), None);
    }
}
