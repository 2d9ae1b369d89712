declare module 'virtual:standalone' {
  const address: string;
  export default address;
}
