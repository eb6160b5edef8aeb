//! The logo: a picture, and nothing but a picture.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::finding::Code;
use crate::document::LogoType;

/// Most pixels along a side.
const MAX_SIDE: u32 = 4_000;
/// Most bytes that a decoded picture may need.
const MAX_DECODED: u64 = 64 * 1024 * 1024;
/// Most elements in an SVG.
const MAX_ELEMENTS: usize = 2_000;

/// Elements of SVG that draw shapes and nothing else.
const DRAWING: [&str; 19] = [
    "svg",
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "defs",
    "title",
    "desc",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "use",
    "symbol",
    "metadata",
];

/// The logo that was found good last. All letters of a mailing have the same one, and to look through a picture takes longer than
/// the rest of checking a letter.
static GOOD: Mutex<Option<(LogoType, String)>> = Mutex::new(None);

/// The file of a logo: base64 of RFC 4648 section 4.
///
/// # Errors
/// [`Code::BadLogo`] when it is something else.
pub fn decode(data: &str) -> Result<Vec<u8>, Code> {
    STANDARD.decode(data).map_err(|_| Code::BadLogo)
}

/// Checks a logo: of the format it claims, of a bearable size; an SVG of shapes only.
pub(super) fn check(media_type: LogoType, data: &str) -> Result<(), Code> {
    let is_it = |good: &(LogoType, String)| good.0 == media_type && good.1 == data;
    if GOOD.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(is_it) {
        return Ok(());
    }
    look_through(media_type, &decode(data)?)?;
    *GOOD.lock().unwrap_or_else(PoisonError::into_inner) = Some((media_type, data.to_owned()));
    Ok(())
}

fn look_through(media_type: LogoType, bytes: &[u8]) -> Result<(), Code> {
    match media_type {
        LogoType::Png => bitmap(bytes, ImageFormat::Png),
        LogoType::Jpeg => bitmap(bytes, ImageFormat::Jpeg),
        LogoType::Svg => drawing(bytes),
    }
}

fn bitmap(bytes: &[u8], format: ImageFormat) -> Result<(), Code> {
    let mut reader = ImageReader::with_format(std::io::Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(|_| Code::BadLogo)?;
    // PDF/A-2 wants a colour profile for CMYK (ISO 19005-2, 6.2.4.3), and a logo brings none.
    if format == ImageFormat::Jpeg && jpeg_components(bytes) == Some(4) {
        return Err(Code::BadLogo);
    }
    decoder.set_limits(limits).map_err(|_| Code::BadLogo)?;
    DynamicImage::from_decoder(decoder).map(drop).map_err(|_| Code::BadLogo)
}

/// How many colour components a JPEG has: 1 grey, 3 colours of a screen, 4 inks of a press. It stands in
/// the frame header (ITU-T T.81, B.2.2).
fn jpeg_components(bytes: &[u8]) -> Option<u8> {
    let mut at = 2;
    loop {
        let [0xFF, marker, high, low] = *bytes.get(at..at + 4)? else { return None };
        let is_frame = matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
        if is_frame {
            return bytes.get(at + 9).copied();
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
}

fn drawing(bytes: &[u8]) -> Result<(), Code> {
    let text = std::str::from_utf8(bytes).map_err(|_| Code::BadLogo)?;
    // A document type could declare entities; none is needed to draw.
    let options = roxmltree::ParsingOptions { allow_dtd: false, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => Code::UnsafeLogo,
        _ => Code::BadLogo,
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" {
        return Err(Code::BadLogo);
    }
    let mut elements = 0;
    let mut uses = 0;
    for node in root.descendants().filter(roxmltree::Node::is_element) {
        elements += 1;
        let name = node.tag_name().name();
        if name == "metadata" || node.ancestors().any(|above| above.tag_name().name() == "metadata") {
            continue;
        }
        if !DRAWING.contains(&name) || elements > MAX_ELEMENTS {
            return Err(Code::UnsafeLogo);
        }
        // `use` of what holds `use` grows exponentially.
        uses += usize::from(name == "use");
        if uses > 20
            || (name == "use" && node.ancestors().any(|above| matches!(above.tag_name().name(), "symbol" | "defs")))
        {
            return Err(Code::UnsafeLogo);
        }
        for attribute in node.attributes() {
            let leads_out = attribute.name() == "href" && !attribute.value().starts_with('#');
            let value = attribute.value().to_ascii_lowercase();
            let refers_out = value
                .match_indices("url(")
                .any(|(at, _)| !value[at + 4..].trim_start_matches(['"', '\'', ' ']).starts_with('#'));
            if leads_out || refers_out || attribute.name().starts_with("on") {
                return Err(Code::UnsafeLogo);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(inner: &str) -> Result<(), Code> {
        let text = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">{inner}</svg>"#);
        check(LogoType::Svg, &STANDARD.encode(text))
    }

    #[test]
    fn shapes_are_a_logo() {
        assert_eq!(svg(r##"<g fill="#1f5a7a"><path d="M0 0h10v10z"/><circle r="3"/></g>"##), Ok(()));
        assert_eq!(svg(r#"<defs><linearGradient id="a"/></defs><rect fill="url(#a)" width="3" height="3"/>"#), Ok(()));
    }

    #[test]
    fn anything_else_is_not() {
        for inner in [
            "<text>Ola</text>",
            "<image href=\"data:image/png;base64,AA==\"/>",
            "<script>1</script>",
            "<foreignObject/>",
            "<style>@import url(x)</style>",
            "<rect fill=\"url(https://example.no/a)\"/>",
            "<use href=\"other.svg#a\"/>",
            "<rect onclick=\"x()\"/>",
            "<defs><g id=\"a\"><use href=\"#a\"/></g></defs>",
        ] {
            assert_eq!(svg(inner), Err(Code::UnsafeLogo), "{inner}");
        }
        let entities = "<!DOCTYPE svg [<!ENTITY a \"b\">]><svg/>";
        assert_eq!(check(LogoType::Svg, &STANDARD.encode(entities)), Err(Code::UnsafeLogo));
    }

    #[test]
    fn a_picture_for_the_press_is_refused() {
        let press = STANDARD.encode(include_bytes!("../../tests/data/logo/refused/cmyk.jpg"));
        assert_eq!(check(LogoType::Jpeg, &press), Err(Code::BadLogo));
        let screen = STANDARD.encode(include_bytes!("../../tests/data/logo/rgb.jpg"));
        assert_eq!(check(LogoType::Jpeg, &screen), Ok(()));
    }

    #[test]
    fn what_was_good_is_good_as_what_it_was() {
        let screen = STANDARD.encode(include_bytes!("../../tests/data/logo/rgb.jpg"));
        for _ in 0..2 {
            assert_eq!(check(LogoType::Jpeg, &screen), Ok(()));
            assert_eq!(check(LogoType::Png, &screen), Err(Code::BadLogo), "it is no PNG, although it is a good JPEG");
            assert_eq!(check(LogoType::Jpeg, &screen[4..]), Err(Code::BadLogo), "nor is a part of it one");
        }
    }

    #[test]
    fn what_is_not_a_picture_is_refused() {
        assert_eq!(check(LogoType::Png, "not base64!"), Err(Code::BadLogo));
        assert_eq!(check(LogoType::Png, &STANDARD.encode("no picture")), Err(Code::BadLogo));
        assert_eq!(check(LogoType::Svg, &STANDARD.encode("<html/>")), Err(Code::BadLogo));
    }
}
