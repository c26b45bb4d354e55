//! Factors of whole matrices: triangles by reflections of our own, singular values and eigenvalues by the crate `faer`,
//! on the thread that calls.

use crate::chunk::Region;
use crate::device::View;
use crate::error::{Error, Result};
use crate::op::regional::Decompose;

/// Computes `region` of a result, which has whole matrices.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported): this library was built without its linear algebra.
#[cfg(not(feature = "linalg"))]
pub(super) fn run(op: &Decompose, _: &Region, _: &[View], _: &mut [&mut [u8]]) -> Result<()> {
    use crate::op::regional::Computation;
    Err(Error::unsupported(format!("{} needs the feature `linalg`", op.name())))
}

/// Computes `region` of a result, which has whole matrices.
///
/// # Errors
/// [`Numerical`](crate::ErrorKind::Numerical) for a matrix without factors.
#[cfg(feature = "linalg")]
pub(super) fn run(op: &Decompose, region: &Region, inputs: &[View], outputs: &mut [&mut [u8]]) -> Result<()> {
    use crate::dtype::DType;
    use num_complex::{Complex32, Complex64};
    let ([view], [out]) = (inputs, outputs) else { return Err(Error::bug("factors are of one array")) };
    match op.dtype {
        DType::F32 => dense::each::<f32>(op, region, view, out),
        DType::F64 => dense::each::<f64>(op, region, view, out),
        DType::C64 => dense::each::<Complex32>(op, region, view, out),
        DType::C128 => dense::each::<Complex64>(op, region, view, out),
        other => Err(Error::bug(format!("matrices of {other} are not factored"))),
    }
}

#[cfg(feature = "linalg")]
mod dense {
    use super::super::copy::{StridedBox, copy_strided};
    use super::super::factor::of_stack;
    use super::super::householder::{Number, Reflected};
    use crate::chunk::Region;
    use crate::chunk::region::Indices;
    use crate::device::View;
    use crate::error::{Error, Result};
    use crate::op::regional::decompose::Place;
    use crate::op::regional::{Columns, Computation, Decompose, Factors};
    use crate::shape;
    use bytemuck::{Pod, Zeroable};
    use faer::dyn_stack::{MemBuffer, MemStack};
    use faer::linalg::{evd, svd};
    use faer::prelude::default;
    use faer::traits::ComplexField;
    use faer::{Mat, MatRef, Par};
    use ndarray::{Array2, ShapeBuilder};
    use num_complex::{Complex, Complex32, Complex64};

    /// What matrices are factored in.
    trait Entry: Number + ComplexField {
        /// The eigenvalues of a square matrix, and its eigenvectors as columns.
        fn eigen(a: MatRef<'_, Self>, vectors: bool) -> Option<(Vec<Complex64>, Option<Mat<Complex64>>)>;
    }

    impl Entry for f64 {
        fn eigen(a: MatRef<'_, Self>, vectors: bool) -> Option<(Vec<Complex64>, Option<Mat<Complex64>>)> {
            eigen_of_real(a, vectors)
        }
    }

    impl Entry for Complex64 {
        fn eigen(a: MatRef<'_, Self>, vectors: bool) -> Option<(Vec<Complex64>, Option<Mat<Complex64>>)> {
            eigen_of_complex(a, vectors)
        }
    }

    /// Elements of matrices as blocks hold them. As in NumPy, numbers of single precision are factored in double.
    #[expect(private_bounds, reason = "the module is private")]
    pub(super) trait Stored: Pod {
        /// What they are factored in.
        type Work: Entry;
        /// A real number of this precision,
        type Real: Pod;
        /// and a complex one.
        type Wide: Pod;

        /// The element to work with.
        fn widen(self) -> Self::Work;
        /// The element to store.
        fn narrow(value: Self::Work) -> Self;
        /// The real number.
        fn real(value: f64) -> Self::Real;
        /// The complex number.
        fn wide(value: Complex64) -> Self::Wide;
    }

    macro_rules! stored {
        ($($T:ty => $Work:ty, $R:ty, |$w:ident| $widen:expr, |$n:ident| $narrow:expr);*) => { $(
            #[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, reason = "results have their dtype")]
            impl Stored for $T {
                type Work = $Work;
                type Real = $R;
                type Wide = Complex<$R>;

                fn widen(self) -> $Work {
                    let $w = self;
                    $widen
                }

                fn narrow($n: $Work) -> Self {
                    $narrow
                }

                fn real(value: f64) -> $R {
                    value as $R
                }

                fn wide(value: Complex64) -> Complex<$R> {
                    Complex::new(value.re as $R, value.im as $R)
                }
            }
        )* };
    }
    stored!(
        f32 => f64, f32, |x| f64::from(x), |x| x as f32;
        f64 => f64, f64, |x| x, |x| x;
        Complex32 => Complex64, f32, |x| Complex64::new(x.re.into(), x.im.into()), |x| Self::wide(x);
        Complex64 => Complex64, f64, |x| x, |x| x
    );

    /// The factors of every matrix of a region.
    pub(super) fn each<S: Stored>(op: &Decompose, region: &Region, view: &View, out: &mut [u8]) -> Result<()> {
        let (m, n) = (op.rows, op.columns);
        let [stack @ .., _, _] = region.shape.as_slice() else { return Err(Error::bug("a matrix has two axes")) };
        let one = [vec![1; stack.len()], vec![m, n]].concat();
        let bytes = shape::size(&op.packed()) * op.output().size();
        for (number, (step, out)) in Indices::new(stack).zip(out.chunks_exact_mut(bytes.max(1))).enumerate() {
            let mut stored: Vec<S> = vec![S::zeroed(); m * n];
            let corner = [step, vec![0, 0]].concat();
            let to = StridedBox::of(&one, &vec![0; one.len()]);
            copy_strided(&view.shifted(&corner), to, bytemuck::cast_slice_mut(&mut stored), &one, size_of::<S>());
            let matrix = stored.into_iter().map(S::widen).collect();
            factors::<S>(op, matrix, out)
                .map_err(|why| of_stack(Error::numerical(op.name(), why), region, stack, number))?;
        }
        Ok(())
    }

    /// Where a matrix's factors go.
    struct Packed<'a, X> {
        out: &'a mut [X],
        width: usize,
        places: Vec<Place>,
    }

    impl<'a, X: Pod> Packed<'a, X> {
        fn new(op: &Decompose, out: &'a mut [u8]) -> Result<Self, String> {
            out.fill(0);
            let out = bytemuck::try_cast_slice_mut(out).map_err(|e| format!("blocks are aligned: {e}"))?;
            Ok(Self { out, width: op.packed()[1], places: op.places() })
        }

        /// Fills a factor.
        fn put(&mut self, factor: usize, mut element: impl FnMut(usize, usize) -> X) {
            let [(top, rows), (left, columns)] = self.places[factor];
            for i in 0..rows {
                let row = &mut self.out[(top + i) * self.width + left..][..columns];
                row.iter_mut().enumerate().for_each(|(j, x)| *x = element(i, j));
            }
        }
    }

    const NO_CONVERGENCE: &str = "its computation does not converge";

    fn factors<S: Stored>(op: &Decompose, matrix: Vec<S::Work>, out: &mut [u8]) -> Result<(), String> {
        let (m, n) = (op.rows, op.columns);
        match op.factors {
            Factors::Qr(columns) => {
                let q = match columns {
                    Columns::None => None,
                    Columns::Few => Some(op.fewer()),
                    Columns::All => Some(m),
                };
                let reflected = Reflected::new(Array2::from_shape_fn((m, n).f(), |(i, j)| matrix[i * n + j]));
                drop(matrix);
                let mut out = Packed::<S>::new(op, out)?;
                let r = out.places.len() - 1;
                out.put(r, |i, j| if i <= j { S::narrow(reflected.matrix[(i, j)]) } else { S::zeroed() });
                if let Some(q) = q.map(|columns| reflected.product(columns)) {
                    out.put(0, |i, j| S::narrow(q[(i, j)]));
                }
            }
            Factors::Singular(columns) => {
                let found = singular(matrix, [m, n], columns)?;
                if columns == Columns::None {
                    Packed::<S::Real>::new(op, out)?.put(0, |_, j| S::real(found.values[j]));
                    return Ok(());
                }
                let mut out = Packed::<S>::new(op, out)?;
                out.put(0, |i, j| S::narrow(found.left[(i, j)]));
                out.put(1, |_, j| S::narrow(Number::of(found.values[j], 0.0)));
                out.put(2, |i, j| S::narrow(Number::conjugate(found.right[(i, j)])));
            }
            Factors::Hermitian { upper, vectors } => {
                let (values, of) = hermitian(matrix, n, upper, vectors)?;
                let Some(of) = of else {
                    Packed::<S::Real>::new(op, out)?.put(0, |_, j| S::real(values[j]));
                    return Ok(());
                };
                let mut out = Packed::<S>::new(op, out)?;
                out.put(0, |_, j| S::narrow(Number::of(values[j], 0.0)));
                out.put(1, |i, j| S::narrow(of[(i, j)]));
            }
            Factors::Eigen { vectors } => {
                let (values, of) = eigen(matrix, n, vectors)?;
                let mut out = Packed::<S::Wide>::new(op, out)?;
                out.put(0, |_, j| S::wide(values[j]));
                if let Some(of) = of {
                    let turned: Vec<Complex64> = (0..n).map(|j| unit(&of, j)).collect();
                    out.put(1, |i, j| S::wide(of[(i, j)] * turned[j]));
                }
            }
        }
        Ok(())
    }

    /// Scales a matrix by a power of two where squares of its elements would be out of range, and gives what undoes it.
    fn in_range<T: Entry>(matrix: &mut [T]) -> Result<f64, String> {
        let parts = || matrix.iter().map(|x| x.parts());
        if parts().any(|(re, im)| !(re.is_finite() && im.is_finite())) {
            return Err("the matrix has elements that are not finite".to_owned());
        }
        let largest = parts().fold(0.0, |most: f64, (re, im)| most.max(re.abs()).max(im.abs()));
        if largest == 0.0 || (1e-90..1e90).contains(&largest) {
            return Ok(1.0);
        }
        // The reciprocals of the smallest numbers are out of range.
        let exponent = largest.log2().floor().clamp(-1000.0, 1000.0);
        for x in matrix.iter_mut() {
            *x = x.scaled((-exponent).exp2());
        }
        Ok(exponent.exp2())
    }

    /// Singular values, and vectors as columns.
    struct Singular<T> {
        left: Mat<T>,
        values: Vec<f64>,
        right: Mat<T>,
    }

    fn singular<T: Entry>(mut matrix: Vec<T>, [m, n]: [usize; 2], columns: Columns) -> Result<Singular<T>, String> {
        let k = m.min(n);
        let back = in_range(&mut matrix)?;
        let (how, sides) = match columns {
            Columns::None => (svd::ComputeSvdVectors::No, (0, 0)),
            Columns::Few => (svd::ComputeSvdVectors::Thin, (k, k)),
            Columns::All => (svd::ComputeSvdVectors::Full, (m, n)),
        };
        let (mut left, mut right) = (Mat::<T>::identity(m, sides.0), Mat::<T>::identity(n, sides.1));
        let mut values = Mat::<T>::zeros(k, 1);
        if k > 0 {
            let vectors = columns != Columns::None;
            let mut room = room(svd::svd_scratch::<T>(m, n, how, how, Par::Seq, default()))?;
            svd::svd(
                MatRef::from_row_major_slice(&matrix, m, n),
                values.col_mut(0).as_diagonal_mut(),
                vectors.then_some(left.as_mut()),
                vectors.then_some(right.as_mut()),
                Par::Seq,
                MemStack::new(&mut room),
                default(),
            )
            .map_err(|_| NO_CONVERGENCE)?;
        }
        Ok(Singular { left, values: (0..k).map(|j| values[(j, 0)].parts().0 * back).collect(), right })
    }

    /// Eigenvalues, and eigenvectors as columns.
    type Eigen<T> = (Vec<f64>, Option<Mat<T>>);

    fn hermitian<T: Entry>(mut matrix: Vec<T>, n: usize, upper: bool, vectors: bool) -> Result<Eigen<T>, String> {
        // As the lower triangle; the other is not read.
        for i in 0..n {
            for j in 0..i {
                if upper {
                    matrix[i * n + j] = matrix[j * n + i].conjugate();
                }
                matrix[j * n + i] = T::zeroed();
            }
            matrix[i * n + i] = T::of(matrix[i * n + i].parts().0, 0.0);
        }
        let back = in_range(&mut matrix)?;
        let mut of = Mat::<T>::zeros(n, if vectors { n } else { 0 });
        let mut values = Mat::<T>::zeros(n, 1);
        let how = which(vectors);
        let mut room = room(evd::self_adjoint_evd_scratch::<T>(n, how, Par::Seq, default()))?;
        evd::self_adjoint_evd(
            MatRef::from_row_major_slice(&matrix, n, n),
            values.col_mut(0).as_diagonal_mut(),
            vectors.then_some(of.as_mut()),
            Par::Seq,
            MemStack::new(&mut room),
            default(),
        )
        .map_err(|_| NO_CONVERGENCE)?;
        Ok(((0..n).map(|j| values[(j, 0)].parts().0 * back).collect(), vectors.then_some(of)))
    }

    fn eigen<T: Entry>(
        mut matrix: Vec<T>,
        n: usize,
        vectors: bool,
    ) -> Result<(Vec<Complex64>, Option<Mat<Complex64>>), String> {
        let back = in_range(&mut matrix)?;
        if n == 0 {
            return Ok((Vec::new(), None));
        }
        let (mut values, of) = T::eigen(MatRef::from_row_major_slice(&matrix, n, n), vectors).ok_or(NO_CONVERGENCE)?;
        for value in &mut values {
            *value *= back;
        }
        Ok((values, of))
    }

    /// What makes a column one of length 1, whose largest element is real if the column is not.
    fn unit(of: &Mat<Complex64>, j: usize) -> Complex64 {
        let column = (0..of.nrows()).map(|i| of[(i, j)]);
        let length = column.clone().map(|x| x.norm_sqr()).sum::<f64>().sqrt();
        let largest = column.clone().fold(Complex64::zeroed(), |a, b| if b.norm() > a.norm() { b } else { a });
        if length == 0.0 || column.clone().all(|x| x.im == 0.0) {
            return Complex64::new(if length == 0.0 { 1.0 } else { 1.0 / length }, 0.0);
        }
        largest.conj() / largest.norm() / length
    }

    fn eigen_of_complex(a: MatRef<'_, Complex64>, vectors: bool) -> Option<(Vec<Complex64>, Option<Mat<Complex64>>)> {
        let n = a.nrows();
        let mut values = Mat::<Complex64>::zeros(n, 1);
        let mut of = Mat::<Complex64>::zeros(n, if vectors { n } else { 0 });
        let size = evd::evd_scratch::<Complex64>(n, which(false), which(vectors), Par::Seq, default());
        let mut room = room(size).ok()?;
        let (values_of, of_mut) = (values.col_mut(0).as_diagonal_mut(), vectors.then_some(of.as_mut()));
        evd::evd_cplx::<f64>(a, values_of, None, of_mut, Par::Seq, MemStack::new(&mut room), default()).ok()?;
        Some(((0..n).map(|j| values[(j, 0)]).collect(), vectors.then_some(of)))
    }

    fn eigen_of_real(a: MatRef<'_, f64>, vectors: bool) -> Option<(Vec<Complex64>, Option<Mat<Complex64>>)> {
        let n = a.nrows();
        let (mut re, mut im) = (Mat::<f64>::zeros(n, 1), Mat::<f64>::zeros(n, 1));
        let mut of = Mat::<f64>::zeros(n, if vectors { n } else { 0 });
        let mut room = room(evd::evd_scratch::<f64>(n, which(false), which(vectors), Par::Seq, default())).ok()?;
        evd::evd_real::<f64>(
            a,
            re.col_mut(0).as_diagonal_mut(),
            im.col_mut(0).as_diagonal_mut(),
            None,
            vectors.then_some(of.as_mut()),
            Par::Seq,
            MemStack::new(&mut room),
            default(),
        )
        .ok()?;
        let values: Vec<Complex64> = (0..n).map(|j| Complex64::new(re[(j, 0)], im[(j, 0)])).collect();
        // Of a pair of conjugates, the first column has the real parts and the second the imaginary ones.
        let mut second = vec![false; n];
        (1..n).for_each(|j| second[j] = values[j].im != 0.0 && values[j - 1].im != 0.0 && !second[j - 1]);
        let element = |i: usize, j: usize| match (values[j].im != 0.0, second[j]) {
            (false, _) => Complex64::new(of[(i, j)], 0.0),
            (true, false) => Complex64::new(of[(i, j)], of[(i, j + 1)]),
            (true, true) => Complex64::new(of[(i, j - 1)], -of[(i, j)]),
        };
        let vectors = vectors.then(|| Mat::from_fn(n, n, element));
        Some((values, vectors))
    }

    fn which(vectors: bool) -> evd::ComputeEigenvectors {
        if vectors { evd::ComputeEigenvectors::Yes } else { evd::ComputeEigenvectors::No }
    }

    /// Memory for what is computed on the way.
    fn room(size: faer::dyn_stack::StackReq) -> Result<MemBuffer, String> {
        MemBuffer::try_new(size).map_err(|_| "there is no memory for its computation".to_owned())
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::dtype::DType;

        /// What the kernel takes beside the memory of its input and result, by what the crate says of itself.
        fn taken<T: Entry>(op: &Decompose) -> usize {
            let (m, n, k) = (op.rows, op.columns, op.fewer());
            let seq = Par::Seq;
            let (how, vectors) = match op.factors {
                Factors::Qr(Columns::None) => return (2 * m * n + k.min(32) * (m + 2 * n)) * size_of::<T>(),
                Factors::Qr(_) => return 0,
                Factors::Singular(Columns::None) => (svd::ComputeSvdVectors::No, 0),
                Factors::Singular(Columns::Few) => (svd::ComputeSvdVectors::Thin, (m + n) * k),
                Factors::Singular(Columns::All) => (svd::ComputeSvdVectors::Full, m * m + n * n),
                Factors::Hermitian { vectors, .. } => {
                    let of = evd::self_adjoint_evd_scratch::<T>(n, which(vectors), seq, default());
                    return of.size_bytes() + 3 * n * n * size_of::<T>();
                }
                Factors::Eigen { vectors } => {
                    let of = evd::evd_scratch::<T>(n, which(false), which(vectors), seq, default());
                    return of.size_bytes() + 2 * n * n * (size_of::<T>() + 16);
                }
            };
            svd::svd_scratch::<T>(m, n, how, how, seq, default()).size_bytes() + (2 * m * n + vectors) * size_of::<T>()
        }

        #[test]
        fn no_more_memory_is_taken_than_is_declared() {
            let columns = [Columns::None, Columns::Few, Columns::All];
            let of_any = columns.into_iter().flat_map(|c| [Factors::Qr(c), Factors::Singular(c)]);
            let of_square = [false, true]
                .into_iter()
                .flat_map(|vectors| [Factors::Hermitian { upper: false, vectors }, Factors::Eigen { vectors }]);
            for factors in of_any.chain(of_square) {
                for (m, n) in [(1, 1), (3, 200), (64, 64), (300, 300), (1000, 1000), (900, 40), (3000, 3), (700, 500)] {
                    for dtype in [DType::F32, DType::F64, DType::C128] {
                        let square = matches!(factors, Factors::Hermitian { .. } | Factors::Eigen { .. });
                        let n = if square { m } else { n };
                        let op = Decompose { factors, outer: 0, rows: m, columns: n, dtype };
                        let most = if dtype.is_complex() { taken::<Complex64>(&op) } else { taken::<f64>(&op) };
                        let declared = op.scratch(&op.packed());
                        assert!(most <= declared, "{op:?}: {most} of {declared}");
                    }
                }
            }
        }
    }
}
