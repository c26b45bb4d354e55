//! What the pages of a stack stand for: times, channels and planes, as OME-XML, `ImageJ` and tifffile write it down.

use super::page::Form;
use crate::store::Attributes;
use serde_json::{Number, Value};

/// No stack has more planes.
const MOST_PLANES: usize = 1 << 24;

/// The axes of an array.
#[derive(Debug)]
pub(super) struct Meaning {
    /// Lengths of the axes that count pages; none for one page by itself.
    pub(super) outer: Vec<usize>,
    /// Names of all axes.
    pub(super) names: Vec<Option<String>>,
    pub(super) attributes: Attributes,
    /// The page of each plane, where they do not come in order.
    pub(super) order: Option<Vec<usize>>,
}

/// What `pages` pages of this form are. The description of a file is about its first pages; other sizes of them have
/// the same axes.
pub(super) fn of(form: &Form, pages: usize, about: Option<&str>, is_first: bool) -> Meaning {
    let about = about.unwrap_or_default();
    let found = match about.as_bytes() {
        [b'<', ..] => ome(about, form, pages, is_first),
        [b'{', ..] => shaped(about, form, pages),
        _ => imagej(about, pages),
    };
    let (outer, names) = match &found {
        Some(axes) => (axes.lengths.clone(), axes.names.clone()),
        None if pages == 1 => (Vec::new(), Vec::new()),
        None => (vec![pages], vec![Some("page".to_owned())]),
    };
    let name = |text: &str| Some(text.to_owned());
    let inner = match (form.shape.len(), form.planar) {
        (2, _) => vec![name("y"), name("x")],
        (_, true) => vec![name("sample"), name("y"), name("x")],
        (_, false) => vec![name("y"), name("x"), name("sample")],
    };
    let names = names.into_iter().chain(inner).collect();
    let (attributes, order) = found.map(|axes| (axes.attributes, axes.order)).unwrap_or_default();
    Meaning { outer, names, attributes, order }
}

/// How many pages there are where all but the first have no directory, as large files of `ImageJ` have it.
pub(super) fn images(about: &str, form: &Form) -> Option<usize> {
    if about.starts_with("ImageJ=") {
        let images = about.lines().find_map(|l| l.strip_prefix("images=")?.parse().ok());
        return images.filter(|&n| n <= MOST_PLANES);
    }
    let Ok(Value::Object(about)) = serde_json::from_str(about) else { return None };
    about.get("truncated")?.as_bool().filter(|&yes| yes)?;
    let lengths = about.get("shape")?.as_array()?.iter().map(|n| usize::try_from(n.as_u64()?).ok());
    product(lengths.collect::<Option<Vec<_>>>()?.strip_suffix(form.shape.as_slice())?)
}

/// The axes that count pages.
#[derive(Default)]
struct Axes {
    lengths: Vec<usize>,
    names: Vec<Option<String>>,
    attributes: Attributes,
    order: Option<Vec<usize>>,
}

/// tifffile writes down the shape of what it was given.
fn shaped(about: &str, form: &Form, pages: usize) -> Option<Axes> {
    let Ok(Value::Object(about)) = serde_json::from_str(about) else { return None };
    let lengths = about.get("shape")?.as_array()?.iter();
    let lengths: Vec<usize> =
        lengths.map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok())).collect::<Option<_>>()?;
    let outer = lengths.strip_suffix(form.shape.as_slice())?.to_vec();
    (outer.len() < 60 && product(&outer) == Some(pages)).then(|| Axes {
        names: vec![None; outer.len()],
        lengths: outer,
        ..Axes::default()
    })
}

/// `ImageJ`: times, planes and channels, the last of which change fastest.
fn imagej(about: &str, pages: usize) -> Option<Axes> {
    if !about.starts_with("ImageJ=") {
        return None;
    }
    let number = |key: &str| about.lines().find_map(|l| l.strip_prefix(key)?.parse::<usize>().ok()).unwrap_or(1);
    let all = [("t", number("frames=")), ("z", number("slices=")), ("c", number("channels="))];
    let axes: Vec<(&str, usize)> = all.into_iter().filter(|a| a.1 > 1).collect();
    let lengths: Vec<usize> = axes.iter().map(|a| a.1).collect();
    let names = axes.iter().map(|a| Some(a.0.to_owned())).collect();
    (!axes.is_empty() && product(&lengths) == Some(pages)).then(|| Axes { lengths, names, ..Axes::default() })
}

/// OME-XML: the axes of the image, if there is one in the file; as tifffile has it, without those of length 1.
fn ome(about: &str, form: &Form, pages: usize, is_first: bool) -> Option<Axes> {
    let mut tags = about.match_indices("<Pixels").map(|(at, _)| start_tag(&about[at..]));
    let (Some(pixels), None) = (tags.next()?, tags.next()) else { return None };
    let get = |key: &str| pixels.iter().find(|a| a.0 == key).map(|a| a.1.as_str());
    let order = get("DimensionOrder")?.strip_prefix("XY")?;
    let size = |key: &str| get(key)?.parse::<usize>().ok().filter(|&n| n > 0);
    let (rows, columns) = form.size();
    if is_first && (size("SizeX")? != columns || size("SizeY")? != rows) || order.len() != 3 {
        return None;
    }
    let samples =
        if form.shape.len() == 3 { form.samples().max(form.counts()[0] * usize::from(form.planar)) } else { 1 };
    let mut axes = Axes::default();
    let mut steps = Vec::new();
    let mut step = 1usize;
    for axis in order.chars() {
        let mut length = size(&format!("Size{axis}"))?;
        if axis == 'C' {
            length = length.div_ceil(samples);
        }
        steps.push((axis, step));
        step = step.checked_mul(length)?;
        if length > 1 {
            axes.lengths.insert(0, length);
            axes.names.insert(0, Some(axis.to_ascii_lowercase().to_string()));
        }
    }
    if step != pages {
        return None;
    }
    let order = placed(about, &steps, pages)?;
    axes.order = Some(order).filter(|order| order.iter().enumerate().any(|(i, &page)| i != page));
    // Those of other sizes are not written down.
    let keys: &[&str] =
        if is_first { &["PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ", "TimeIncrement"] } else { &[] };
    for key in keys {
        if let Some(number) = get(key).and_then(|v| Number::from_f64(v.parse().ok()?)) {
            axes.attributes.insert((*key).to_owned(), Value::Number(number));
        }
        let unit = format!("{key}Unit");
        if let Some(text) = get(&unit) {
            axes.attributes.insert(unit, Value::String(text.to_owned()));
        }
    }
    Some(axes)
}

/// The page of each plane, as `TiffData` elements give them.
fn placed(about: &str, steps: &[(char, usize)], pages: usize) -> Option<Vec<usize>> {
    if pages > MOST_PLANES {
        return None;
    }
    let mut order: Vec<Option<usize>> = vec![None; pages];
    let mut any = false;
    for (at, _) in about.match_indices("<TiffData") {
        any = true;
        let tag = start_tag(&about[at..])?;
        let get = |key: &str| tag.iter().find(|a| a.0 == key).and_then(|a| a.1.parse::<usize>().ok());
        let first: usize = steps
            .iter()
            .map(|(axis, step)| get(&format!("First{axis}")).unwrap_or(0).checked_mul(*step))
            .sum::<Option<usize>>()?;
        // Without a page, all planes are meant; with one and no number of planes, one plane.
        let count = get("PlaneCount").unwrap_or(if get("IFD").is_some() { 1 } else { pages });
        let page = get("IFD").unwrap_or(0);
        for i in 0..count.min(pages) {
            *order.get_mut(first.checked_add(i)?)? = Some(page.checked_add(i).filter(|&p| p < pages)?);
        }
    }
    if any { order.into_iter().collect() } else { Some((0..pages).collect()) }
}

/// The attributes of the XML element that `text` begins with.
fn start_tag(text: &str) -> Option<Vec<(String, String)>> {
    let mut rest = text.split_once([' ', '\n', '\t', '\r', '>', '/'])?.1;
    let mut out = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some((key, after)) = rest.split_once('=') else { return Some(out) };
        if key.contains(['>', '<', '/']) {
            return Some(out);
        }
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, next) = after[1..].split_once(quote)?;
        let value = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        out.push((key.trim().to_owned(), value));
        rest = next;
    }
}

fn product(lengths: &[usize]) -> Option<usize> {
    lengths.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}
