//! The data of one chunk or region: a dtype, a shape and a buffer in host memory.
//!
//! [`Buffer`] owns bytes (64-byte aligned unless there are few, always initialised) and gives them back to its pool
//! (`Recycle`) when dropped. [`Block`] is a shared, immutable, C-ordered array over a buffer.

use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::shape;
use bytemuck::{NoUninit, Pod};
use std::alloc::Layout;
use std::any::Any;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

/// Alignment of buffers of some size: a cache line, and the widest vector register.
pub const ALIGN: usize = 64;

/// Buffers smaller than this are aligned for the widest element alone, which costs the allocator less.
const SMALL: usize = 4096;

/// From this size on, buffers are aligned for huge pages and advised to use them.
const HUGE: usize = 2 << 20;

/// Has the allocator return large blocks to the system when they are freed, rather than keep them in heaps that grow
/// around blocks of many sizes. For the whole process, so its owner decides; the command does.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: a setting of the allocator; a value that it does not take is refused and changes nothing.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}

enum Owner {
    /// Allocated here with this layout; `None` for a buffer of length 0.
    Alloc(Option<Layout>),
    /// Pages of their own, from the system.
    #[cfg(target_os = "linux")]
    Mapped(Pages),
    /// Bytes of a `Vec` or an ndarray that lives in this box.
    Foreign(Box<dyn Any + Send + Sync>),
    /// So many bytes that a device lends, which it copies to and from directly.
    Lent(#[expect(dead_code, reason = "keeps the bytes alive")] Box<dyn Any + Send + Sync>, usize),
}

/// Zeroed memory straight from the system, which it returns to when dropped: the allocator would write the zeros, page
/// by page, before huge pages could be asked for.
#[cfg(target_os = "linux")]
struct Pages {
    start: *mut libc::c_void,
    len: usize,
}

#[cfg(target_os = "linux")]
impl Pages {
    /// `len` bytes at a boundary of huge pages; none where the system refuses.
    fn map(len: usize) -> Option<Self> {
        /// No smaller than pages are anywhere.
        const PAGE: usize = 64 << 10;
        let len = len.checked_next_multiple_of(PAGE)?;
        let room = len.checked_add(HUGE)?;
        // SAFETY: a new private mapping at an address of the system's choice.
        let raw = unsafe {
            let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            libc::mmap(std::ptr::null_mut(), room, access, kind, -1, 0)
        };
        if raw == libc::MAP_FAILED {
            return None;
        }
        let before = raw.align_offset(HUGE);
        let start = raw.wrapping_byte_add(before);
        // SAFETY: what is given back lies in the mapping on both sides of what is kept, in whole pages. Failure
        // changes nothing.
        unsafe {
            if before > 0 {
                libc::munmap(raw, before);
            }
            if room > before + len {
                libc::munmap(start.wrapping_byte_add(len), room - before - len);
            }
            libc::madvise(start, len, libc::MADV_HUGEPAGE);
        }
        Some(Self { start, len })
    }
}

#[cfg(target_os = "linux")]
impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the pages were mapped in `map`, and this is their only owner.
        unsafe { libc::munmap(self.start, self.len) };
    }
}

/// Where a buffer goes when it is dropped.
pub(super) trait Recycle: Send + Sync {
    /// Takes over a buffer that nobody uses any more.
    fn take_back(&self, buffer: Buffer);
}

/// Owned bytes in host memory.
pub struct Buffer {
    ptr: NonNull<u8>,
    len: usize,
    owner: Owner,
    pool: Option<Arc<dyn Recycle>>,
}

// SAFETY: the bytes are owned by this value alone and are plain memory; `Owner::Foreign` is Send and Sync itself.
unsafe impl Send for Buffer {}
// SAFETY: as above; shared access is read-only.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zero bytes outside any pool.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        Self::allocate(len)
    }

    /// `n` zero elements of `dtype`, from a vector that [`Buffer::into_vec`] gives back.
    #[must_use]
    pub fn elements(dtype: DType, n: usize) -> Self {
        macro_rules! zeros {
            ($($D:ident => $T:ty),*) => {
                match dtype { $(DType::$D => Self::from_vec(vec![<$T>::default(); n])),* }
            };
        }
        zeros!(Bool => u8, I8 => i8, I16 => i16, I32 => i32, I64 => i64, U8 => u8, U16 => u16, U32 => u32, U64 => u64,
               F16 => half::f16, BF16 => half::bf16, F32 => f32, F64 => f64,
               C64 => num_complex::Complex32, C128 => num_complex::Complex64)
    }

    pub(super) fn allocate(len: usize) -> Self {
        if len == 0 {
            return Self { ptr: NonNull::<u64>::dangling().cast(), len, owner: Owner::Alloc(None), pool: None };
        }
        #[cfg(target_os = "linux")]
        if len >= HUGE
            && let Some(pages) = Pages::map(len)
            && let Some(ptr) = NonNull::new(pages.start.cast())
        {
            return Self { ptr, len, owner: Owner::Mapped(pages), pool: None };
        }
        let align = if len < SMALL { align_of::<u128>() } else { ALIGN };
        let Ok(layout) = Layout::from_size_align(len, align) else {
            std::alloc::handle_alloc_error(Layout::new::<u8>());
        };
        // SAFETY: the layout's size is not 0.
        let raw = unsafe { std::alloc::alloc_zeroed(layout) };
        let Some(ptr) = NonNull::new(raw) else { std::alloc::handle_alloc_error(layout) };
        Self { ptr, len, owner: Owner::Alloc(Some(layout)), pool: None }
    }

    /// `len` bytes from `ptr` on that a device lends for as long as `owner` lives.
    ///
    /// # Safety
    /// The bytes are initialised and nobody else's while `owner` lives, wherever that moves.
    #[must_use]
    pub unsafe fn lent(ptr: NonNull<u8>, len: usize, owner: Box<dyn Any + Send + Sync>) -> Self {
        Self { ptr, len, owner: Owner::Lent(owner, len), pool: None }
    }

    /// Whether the bytes are lent by a device.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        matches!(self.owner, Owner::Lent(..))
    }

    /// The bytes of `values`, without a copy. Whatever is written to them, only a vector of elements that any bytes
    /// make comes back.
    #[must_use]
    pub fn from_vec<T: NoUninit + Send + Sync>(mut values: Vec<T>) -> Self {
        let len = std::mem::size_of_val(values.as_slice());
        let ptr = NonNull::new(values.as_mut_ptr().cast()).unwrap_or(NonNull::<u64>::dangling().cast());
        Self { ptr, len, owner: Owner::Foreign(Box::new(values)), pool: None }
    }

    /// The vector that [`Buffer::from_vec`] took; the buffer itself when it has another origin.
    ///
    /// # Errors
    /// The buffer, unchanged.
    pub fn into_vec<T: Pod + Send + Sync>(mut self) -> std::result::Result<Vec<T>, Self> {
        let owner = std::mem::replace(&mut self.owner, Owner::Alloc(None));
        match owner {
            Owner::Foreign(any) => match any.downcast::<Vec<T>>() {
                Ok(values) => Ok(*values),
                Err(any) => {
                    self.owner = Owner::Foreign(any);
                    Err(self)
                }
            },
            other => {
                self.owner = other;
                Err(self)
            }
        }
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `ptr` is valid for `len` initialised bytes while `self` lives; both were set together at creation.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }

    /// The bytes, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }

    /// The address of the first byte.
    pub(super) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.ptr.as_ptr()
    }

    /// Shortens or restores the visible length within what was allocated, for reuse by the pool.
    pub(super) fn resize(&mut self, len: usize) {
        debug_assert!(len <= self.capacity());
        self.len = len;
    }

    /// Bytes that were allocated.
    pub(super) fn capacity(&self) -> usize {
        match &self.owner {
            Owner::Alloc(layout) => layout.map_or(0, |l| l.size()),
            #[cfg(target_os = "linux")]
            Owner::Mapped(pages) => pages.len,
            Owner::Foreign(_) => self.len,
            Owner::Lent(_, capacity) => *capacity,
        }
    }

    pub(super) fn join(&mut self, pool: Arc<dyn Recycle>) {
        self.pool = Some(pool);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            let owner = std::mem::replace(&mut self.owner, Owner::Alloc(None));
            pool.take_back(Self { ptr: self.ptr, len: self.len, owner, pool: None });
        } else if let Owner::Alloc(Some(layout)) = self.owner {
            // SAFETY: `ptr` was allocated with this layout in `allocate`, and this is its only owner.
            unsafe { std::alloc::dealloc(self.ptr.as_ptr(), layout) };
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}

/// A C-ordered array in host memory, shared and immutable.
///
/// ```
/// use hyperslab::device::block::Block;
/// let block = Block::from_vec(vec![1.0f32, 2.0, 3.0], &[3]).unwrap();
/// assert_eq!(block.values::<f32>().unwrap(), &[1.0, 2.0, 3.0]);
/// assert!(block.values::<f64>().is_err());
/// ```
#[derive(Debug, Clone)]
pub struct Block {
    dtype: DType,
    shape: Vec<usize>,
    data: Arc<Buffer>,
}

impl Block {
    /// A block over `data`.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when the bytes are not what dtype and shape need.
    pub fn new(dtype: DType, shape: &[usize], data: Buffer) -> Result<Self> {
        let want = shape::checked_size(shape).and_then(|n| n.checked_mul(dtype.size()));
        if want != Some(data.len()) {
            let shape = shape::tuple(shape);
            return Err(Error::shape("block", format!("{} bytes for {dtype} of shape {shape}", data.len())));
        }
        Ok(Self { dtype, shape: shape.to_vec(), data: Arc::new(data) })
    }

    /// A block over `values`, without a copy.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when `values` does not have the shape's number of elements.
    pub fn from_vec<T: Element + NoUninit>(values: Vec<T>, shape: &[usize]) -> Result<Self> {
        Self::new(T::DTYPE, shape, Buffer::from_vec(values))
    }

    /// The element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The lengths of the axes.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    #[must_use]
    pub fn size(&self) -> usize {
        shape::size(&self.shape)
    }

    /// The bytes, in C order and native endianness.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.data.bytes()
    }

    /// Whether the bytes are lent by a device, which copies to and from them directly.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        self.data.is_lent()
    }

    /// The elements.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) when `T` is not the block's element type.
    pub fn values<T: Element + bytemuck::AnyBitPattern>(&self) -> Result<&[T]> {
        if T::DTYPE != self.dtype {
            return Err(Error::dtype("block", format!("holds {}, not {}", self.dtype, T::DTYPE)));
        }
        bytemuck::try_cast_slice(self.bytes()).map_err(|e| Error::bug(format!("a block's bytes are aligned: {e}")))
    }

    /// The same elements under another shape of the same size.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) when the sizes differ.
    pub fn reshaped(&self, shape: &[usize]) -> Result<Self> {
        if shape::checked_size(shape) != Some(self.size()) {
            let (a, b) = (shape::tuple(&self.shape), shape::tuple(shape));
            return Err(Error::shape("block", format!("{a} does not hold as many elements as {b}")));
        }
        Ok(Self { dtype: self.dtype, shape: shape.to_vec(), data: Arc::clone(&self.data) })
    }

    /// The buffer, when nobody else shares it.
    ///
    /// # Errors
    /// The block, unchanged, while it is shared.
    pub fn into_buffer(self) -> std::result::Result<Buffer, Self> {
        let Self { dtype, shape, data } = self;
        Arc::try_unwrap(data).map_err(|data| Self { dtype, shape, data })
    }
}
