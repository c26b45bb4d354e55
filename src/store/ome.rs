//! Images at several resolutions as OME-Zarr keeps them: what the attributes of a group say of the arrays in it.
//!
//! The metadata are those of OME-NGFF 0.4, in Zarr v2, and 0.5, in Zarr v3 (<https://ngff.openmicroscopy.org>).

use super::Attributes;
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};

/// An axis of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// Its name: `z`.
    pub name: String,
    /// `space`, `time`, `channel`, or another; empty for none.
    pub kind: String,
    /// The unit of its coordinates: `micrometer`; empty for none.
    pub unit: String,
}

/// The image at one resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// The array, below the group.
    pub path: String,
    /// Along each axis, the distance of neighbours,
    pub scale: Vec<f64>,
    /// and the coordinate of the first.
    pub translation: Vec<f64>,
}

/// An image at several resolutions, the finest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Multiscale {
    /// What it is called; empty for nothing.
    pub name: String,
    /// Its axes, outermost first.
    pub axes: Vec<Axis>,
    /// Its levels.
    pub levels: Vec<Level>,
}

/// A version of the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// 0.4, of groups of Zarr v2.
    V04,
    /// 0.5, of groups of Zarr v3.
    #[default]
    V05,
}

impl Version {
    /// The version of Zarr that it is of.
    #[must_use]
    pub fn zarr(self) -> u8 {
        if self == Self::V04 { 2 } else { 3 }
    }
}

impl Axis {
    /// An axis of the usual meaning of its name: `t` is time, `c` a channel, anything else space.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let kind = match name.to_ascii_lowercase().as_str() {
            "t" | "time" => "time",
            "c" | "channel" => "channel",
            _ => "space",
        };
        Self { name: name.to_owned(), kind: kind.to_owned(), unit: String::new() }
    }

    /// Whether it is one of space, along which coarser levels are shorter.
    #[must_use]
    pub fn is_space(&self) -> bool {
        self.kind == "space"
    }
}

impl Multiscale {
    /// What the attributes of a group say of an image in it; nothing where they say nothing of one.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for metadata that are not what the specification says, naming what is
    /// wrong.
    pub fn read(attributes: &Attributes) -> Result<Option<Self>> {
        let of = attributes.get("ome").and_then(Value::as_object).unwrap_or(attributes);
        let Some(all) = of.get("multiscales") else { return Ok(None) };
        let Some(first) = all.as_array().and_then(|list| list.first()).and_then(Value::as_object) else {
            return Err(bad("`multiscales` is no list of objects"));
        };
        let axes = list(first, "axes")?.iter().map(axis).collect::<Result<Vec<_>>>()?;
        // What comes after the levels' own transformations is the same for all of them.
        let after = transformed((vec![1.0; axes.len()], vec![0.0; axes.len()]), first)?;
        let levels = list(first, "datasets")?.iter().map(|level| {
            let Some(level) = level.as_object() else { return Err(bad("a dataset is no object")) };
            let path = level.get("path").and_then(Value::as_str).ok_or_else(|| bad("a dataset without a `path`"))?;
            let own = transformed((vec![1.0; axes.len()], vec![0.0; axes.len()]), level)?;
            let scale = own.0.iter().zip(&after.0).map(|(a, b)| a * b).collect();
            let translation = own.1.iter().zip(&after.0).zip(&after.1).map(|((t, s), more)| t * s + more).collect();
            Ok(Level { path: path.to_owned(), scale, translation })
        });
        let name = first.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Some(Self { name, levels: levels.collect::<Result<_>>()?, axes }))
    }

    /// The attributes of the group.
    ///
    /// # Errors
    /// As [`Multiscale::check`].
    pub fn attributes(&self, version: Version) -> Result<Attributes> {
        self.check()?;
        let mut image = Map::new();
        if !self.name.is_empty() {
            image.insert("name".into(), json!(self.name));
        }
        let axis = |axis: &Axis| {
            let mut out = Map::from_iter([("name".to_owned(), json!(axis.name))]);
            for (key, value) in [("type", &axis.kind), ("unit", &axis.unit)].into_iter().filter(|(_, v)| !v.is_empty())
            {
                out.insert(key.into(), json!(value));
            }
            Value::Object(out)
        };
        let level = |level: &Level| {
            let steps = json!([
                {"type": "scale", "scale": level.scale},
                {"type": "translation", "translation": level.translation},
            ]);
            json!({"path": level.path, "coordinateTransformations": steps})
        };
        image.insert("axes".into(), self.axes.iter().map(axis).collect());
        image.insert("datasets".into(), self.levels.iter().map(level).collect());
        Ok(match version {
            Version::V04 => {
                image.insert("version".into(), json!("0.4"));
                Attributes::from_iter([("multiscales".to_owned(), json!([image]))])
            }
            Version::V05 => {
                Attributes::from_iter([("ome".to_owned(), json!({"version": "0.5", "multiscales": [image]}))])
            }
        })
    }

    /// What the specification asks of an image: two to five axes of different names, two or three of them of space and
    /// these last, before them at most one of time, then at most one other; a number for each axis at every level.
    ///
    /// # Errors
    /// [`Argument`](crate::ErrorKind::Argument) for what it does not allow.
    pub fn check(&self) -> Result<()> {
        let rank = self.axes.len();
        let names = || self.axes.iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(", ");
        if (1..rank).any(|i| self.axes[..i].iter().any(|a| a.name == self.axes[i].name)) {
            return Err(bad(format!("axes {} have the same name", names())));
        }
        let space = self.axes.iter().filter(|a| a.is_space()).count();
        let order = |a: &Axis| match a.kind.as_str() {
            "time" => 0,
            "space" => 2,
            _ => 1,
        };
        let places: Vec<i32> = self.axes.iter().map(order).collect();
        let twice = [0, 1].iter().any(|kind| places.iter().filter(|p| *p == kind).count() > 1);
        if !(2..=3).contains(&space) || twice || !places.is_sorted() {
            return Err(bad(format!(
                "axes {}: an image has two or three axes of space, before them one of channels or none, and before that one of \
                 time or none",
                names()
            )));
        }
        match self.levels.iter().find(|l| l.scale.len() != rank || l.translation.len() != rank) {
            Some(level) => Err(bad(format!("level {} has not one scale for each of {rank} axes", level.path))),
            None => Ok(()),
        }
    }
}

fn bad(why: impl Into<String>) -> Error {
    Error::argument("OME-Zarr metadata", why.into())
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a Vec<Value>> {
    object.get(key).and_then(Value::as_array).ok_or_else(|| bad(format!("`{key}` is no list")))
}

fn axis(value: &Value) -> Result<Axis> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match value {
        // Before 0.4, axes are names alone.
        Value::String(name) => Ok(Axis::named(name)),
        _ if text("name").is_empty() => Err(bad("an axis without a `name`")),
        _ => Ok(Axis { name: text("name"), kind: text("type"), unit: text("unit") }),
    }
}

/// `(scale, translation)` and then the transformations of `object`.
fn transformed(
    (mut scale, mut translation): (Vec<f64>, Vec<f64>),
    object: &Map<String, Value>,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let Some(steps) = object.get("coordinateTransformations") else { return Ok((scale, translation)) };
    for step in steps.as_array().ok_or_else(|| bad("`coordinateTransformations` is no list"))? {
        let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind == "identity" {
            continue;
        }
        let numbers: Option<Vec<f64>> =
            step.get(kind).and_then(Value::as_array).and_then(|list| list.iter().map(Value::as_f64).collect());
        let numbers = numbers.filter(|n| n.len() == scale.len());
        let numbers =
            numbers.ok_or_else(|| bad(format!("a transformation `{kind}` without a number for each axis")))?;
        for ((s, t), by) in scale.iter_mut().zip(&mut translation).zip(numbers) {
            match kind {
                "scale" => (*s, *t) = (*s * by, *t * by),
                "translation" => *t += by,
                other => return Err(bad(format!("a transformation `{other}` is neither a scale nor a translation"))),
            }
        }
    }
    Ok((scale, translation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Multiscale {
        let space = |name: &str| Axis { unit: "micrometer".into(), ..Axis::named(name) };
        let level = |path: &str, by: f64| Level {
            path: path.into(),
            scale: vec![1.0, 0.5 * by, 0.25 * by],
            translation: vec![0.0, 0.25 * (by - 1.0), 7.0],
        };
        Multiscale {
            name: "cells".into(),
            axes: vec![Axis::named("c"), space("y"), space("x")],
            levels: vec![level("0", 1.0), level("1", 2.0)],
        }
    }

    #[test]
    fn both_versions_come_back() {
        for version in [Version::V04, Version::V05] {
            let attributes = image().attributes(version).unwrap();
            assert_eq!(Multiscale::read(&attributes).unwrap().unwrap(), image());
        }
        assert_eq!(Multiscale::read(&Attributes::new()).unwrap(), None);
    }

    #[test]
    fn transformations_of_the_image_come_after_those_of_its_levels() {
        let mut attributes = image().attributes(Version::V04).unwrap();
        let steps =
            json!([{"type": "scale", "scale": [1.0, 10.0, 10.0]}, {"type": "translation", "translation": [0, 1, 2]}]);
        attributes["multiscales"][0]["coordinateTransformations"] = steps;
        let level = Multiscale::read(&attributes).unwrap().unwrap().levels.remove(1);
        assert_eq!((level.scale, level.translation), (vec![1.0, 10.0, 5.0], vec![0.0, 3.5, 72.0]));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let mut wrong = image();
        wrong.axes.swap(0, 1);
        assert!(wrong.check().unwrap_err().to_string().contains("two or three axes of space"));
        let mut wrong = image();
        wrong.axes[1].name = "x".into();
        assert!(wrong.check().unwrap_err().to_string().contains("same name"));
        let mut wrong = image();
        wrong.levels[1].scale.pop();
        assert!(wrong.attributes(Version::V05).unwrap_err().to_string().contains("level 1"));
        for text in [r#"{"multiscales": 3}"#, r#"{"multiscales": [{"axes": ["y", "x"]}]}"#] {
            assert!(Multiscale::read(&serde_json::from_str(text).unwrap()).is_err(), "{text}");
        }
    }
}
